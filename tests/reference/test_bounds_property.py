"""Bounds hold on every row and are of use: saturated, tiny, huge and ill-conditioned problems.

The truth is mpmath's, from the definitions at 80 digits, rounded to float64 at the end (2^-53 relative).
"""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metainfl_reference.conditioned import conditioned
from metainfl_reference.errors import NotCertified
from metainfl_reference.estimands import removal
from metainfl_reference.family import targets
from metainfl_reference.generators import (
    CLASSIFICATION,
    OPTIONS,
    build,
    classification,
    regression,
)
from metainfl_reference.perturbation import query, support, task
from metainfl_reference.second_route import highprec
from metainfl_reference.wide import EPS
from tests.helpers import NAMES

FAST = [n for n in NAMES if n != "proximal_softmax"]  # its nested Newton at 80 digits takes minutes
# How far inputs and targets are scaled: logits of a hundred, products of 1e-10, curvatures of 1e8.
SCALES = {"saturated": (0.0, 1.5), "tiny": (-5.0, -1.0), "huge": (1.0, 4.0)}


def problem(name, regime, seed, share, d_out):
    """A smallest problem of the family in one regime; its logs of scale go from SCALES' low to high."""
    low, high = SCALES[regime]
    scale = 10 ** (low + share * (high - low))
    if name in CLASSIFICATION:
        spread = 0.1 if regime == "saturated" else 1.0
        e = classification(seed, tasks=2, shots=2, queries=1, d=2, ways=2, spread=spread)
    else:
        e = regression(seed, tasks=2, support=2, query=2, d=2, c=1)
        e = replace(e, support_y=e.support_y / scale, query_y=e.query_y / scale)
    options = {"d_out": d_out}
    if "alpha" in OPTIONS[name]:
        options["alpha"] = OPTIONS[name]["alpha"] / max(1.0, scale) ** 2  # MAML's steps stay stable
    e = replace(e, support_x=scale * e.support_x, query_x=scale * e.query_x)
    return build(name, e, **options)


@settings(max_examples=8)
@given(
    st.sampled_from(FAST),
    st.sampled_from(sorted(SCALES)),
    st.integers(0, 10_000),
    st.floats(0, 1),
    st.sampled_from([1e-4, 1e-2, 1.0]),
)
def test_every_row_is_within_its_bound(name, regime, seed, share, d_out):
    """Guards rows lost to cancellation: a bound scaled by what was left of the row missed by 1e5."""
    pis = [task(0), query(1, 0)] + ([] if name.startswith("single") else [support(0, 1)])
    try:
        family = problem(name, regime, seed, share, d_out)
        at = family.solve()
        answer = family.influence(pis, at)
        truth = np.stack([highprec.solution_derivative(family, p, at) for p in pis])
        near = highprec.minimiser(family, at)
    except NotCertified:
        assume(False)  # no strict minimum here, or none that 80 digits could follow
    gaps, sizes = np.linalg.norm(answer.value - truth, axis=1), np.linalg.norm(truth, axis=1)
    assert (gaps <= answer.bound + EPS * sizes).all(), (gaps, answer.bound)
    assert answer.bound.max() <= 1e3 * max(gaps.max(), EPS * sizes.max())
    gap, size = np.linalg.norm(near - at.lam), np.linalg.norm(near)
    assert gap <= at.certificate.bound + EPS * size


@pytest.mark.parametrize("inner, total", [(1e8, 1e2), (1e2, 1e8), (1e8, 1e8)])
def test_bounds_are_of_use_where_conditions_are_large(inner, total):
    """Guards against a product of condition numbers: at most 1e6 times the error, at 1e8 and 1e8."""
    family = conditioned(0, inner=inner, total=total, tasks=2, d=2, c=1)
    at, pis = family.solve(), [task(0), query(1, 1)]
    answer = family.influence(pis, at)
    truth = np.stack([highprec.solution_derivative(family, p, at) for p in pis])
    gaps = np.linalg.norm(answer.value - truth, axis=1)
    assert (gaps <= answer.bound).all() and answer.bound.max() <= 1e6 * gaps.max()
    exact = highprec.minimiser(family, at, rounded=False)
    gap = float(mp.norm(list(at.lam - exact)))
    assert gap <= at.certificate.bound <= 1e6 * gap


@pytest.mark.parametrize("name", FAST)
def test_scores_of_removals_are_within_their_bounds(name):
    """Guards what is made of solutions: a target's loss before and after a removal, and the Newton step."""
    family = problem(name, "saturated", 3, 0.7, 1e-2 if name in CLASSIFICATION else 1.0)
    at, target = family.solve(), targets(family.episodes)[1]
    gone = removal.exact(family, query(0, 0), at)
    score = removal.score(family, target, at, gone)
    solution = family.remove(query(0, 0), at)
    before, after = (
        highprec.target_loss(family, target, highprec.minimiser(family, s, rounded=False))
        for s in (at, solution)
    )
    assert abs(score.value - (after - before)) <= score.bound + EPS * max(abs(before), abs(after))
    truth = highprec.minimiser(family, solution)
    assert np.linalg.norm(gone.value - truth) <= gone.bound + EPS * np.linalg.norm(truth)
