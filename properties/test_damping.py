"""Damping against solving again: d / (low (low + d)) |b| on top of the first-order remainder.

Damped once, whatever solves: (H + d I)^{-1} b is told apart from (H + 2 d I)^{-1} b by the reference.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import damping
from metainfl.solve import CG, LiSSA, Neumann, PseudoInverse
from properties.draw import fixed, questions
from properties.hold import holds, says_something

SOLVERS = ("own", "CG", "Neumann", "pseudo-inverse", "LiSSA")


def damped(q, d, solver="own"):
    """`d` in units of the smallest eigenvalue."""
    d *= q.low
    if (q.high + d) / (q.low + d) > {"Neumann": 50, "LiSSA": 3}.get(solver, np.inf):
        return None  # a hundred terms and more
    chosen = {
        "own": None,
        "CG": CG(rtol=1e-14, allow_unconverged=True),
        "Neumann": Neumann(rtol=1e-15, allow_unconverged=True),
        "pseudo-inverse": PseudoInverse(keep=len(q.eigen[0])),
        "LiSSA": _whole(q, d),
    }[solver]
    return q.held(
        q.edit(solver=chosen, damping=d),
        damping.damping(q.low, d, q.size),
        definition=q.solved(lambda s: 1 / (s + d)),
    )


def _whole(q, d):
    """With every task in every batch it is the Neumann series: (1 - 1/k)^(36 k) is 2e-16."""
    tasks = q.case.family.episodes.n_tasks
    depth = int(36 * (q.high + d) / (q.low + d)) + 1
    return LiSSA(
        batch=tasks, depth=depth, scale=1 / (q.high + d), repeats=1, allow_unconverged=True
    )


@given(q=questions(), d=st.floats(1e-3, 1e3), solver=st.sampled_from(SOLVERS[:-1]))
def test_damping_costs_at_most_its_bound(q, d, solver):
    """Guards damping left out, added twice, or scaled."""
    holds(damped, q, d=d, solver=solver)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge; LiSSA once, since it is slow."""
    options = [{"d": d, "solver": s} for d in (0.01, 1.0, 100.0) for s in SOLVERS[:4]]
    says_something(damped, fixed(), options)
    quick = fixed(["single_ridge", "proximal_ridge", "maml_linear"])
    says_something(damped, quick, [{"d": 300.0, "solver": "LiSSA"}], least=5)
