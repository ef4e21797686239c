"""Every answer's bound holds: against 50 digits, and for a lam* that is off by a known amount."""

import numpy as np
import pytest

from metainfl.oracle import small_case
from metainfl_reference.answer import Answer
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import NotCertified
from metainfl_reference.estimands import (
    cook,
    direct,
    influence_measure,
    removal,
    representer,
    subsampling,
    values,
)
from metainfl_reference.family import targets
from metainfl_reference.generators import small, tiny
from metainfl_reference.perturbation import group, query, task
from metainfl_reference.second_route import highprec
from metainfl_reference.second_route.richardson import aligned
from tests.helpers import NAMES

PUSH = 1e-9


def answers(family, at):
    """One answer of each estimand that the family has."""
    target = targets(small(family.name, 90).episodes)[0]
    p, pair = query(1, 0), group([task(1), query(2, 0)])
    yield "influence", family.influence([task(0), p, pair], at)
    yield "first order", removal.first_order(family, pair, at)
    yield "second order", removal.second_order(family, pair, at)
    yield "Newton", removal.newton(family, p, at)
    yield "many", removal.exact_many(family, [p, query(0, 1)], at)
    yield "score", removal.score(family, target, at, removal.exact(family, p, at))
    yield "representer", representer.task_components(family, at)
    yield "Cook", cook.general(family, p, at)
    yield "direct", direct.influence(family, [task(0), task(2)], at)
    if family.name.startswith("single"):
        yield "alpha", representer.values(family, at)
        yield "prediction parts", representer.prediction_parts(family, at, np.ones(3))
    if family.name == "single_softmax":
        fi = influence_measure.influence_measure(family, at, 0, 1, np.ones(3), np.eye(3)[1])
        yield "FI", fi.value


def gap(a, b):
    """Distance in the sense of the bound: rows in 2-norm where there is one bound a row."""
    off = a.value - b.value
    return np.linalg.norm(off, axis=-1) if np.ndim(a.bound) < np.ndim(off) else np.abs(off)


@pytest.mark.parametrize("name", NAMES)
def test_a_displaced_solution_stays_within_its_bounds(name):
    """lam* off by 1e-9: each answer there is as far from the good one as its bound says, or less."""
    case = small_case(name, 1, **({"direct": 0.3} if name == "proximal_ridge" else {}))
    family, at = case.family, case.solution
    push = np.random.default_rng(0).standard_normal(family.n_meta)
    push -= family.tangent(at.lam) @ (family.tangent(at.lam).T @ push)
    off = family.certified(at.lam + PUSH * push / np.linalg.norm(push), at.weights)
    for (what, good), (_, moved) in zip(answers(family, at), answers(family, off), strict=True):
        if what == "many":  # solved again: anywhere on the orbit of the same minimiser
            rows = [aligned(family, *pair) for pair in zip(moved.value, good.value, strict=True)]
            moved = Answer(np.stack(rows), moved.bound)
        assert (gap(good, moved) <= moved.bound + good.bound).all(), what
        scale = np.abs(good.value).max()
        assert np.max(good.bound) <= 1e-6 * scale, (what, good.bound)
        assert np.max(moved.bound) <= 1e-3 * scale, (what, moved.bound)  # and not by being huge


@pytest.mark.parametrize("name", [n for n in NAMES if n != "proximal_softmax"])
def test_fifty_digits_within_the_bound(name):
    """Influence, the game and what follows from it against mpmath: the gap is the true error."""
    family = tiny(name)
    at = family.solve()
    pis = [task(0), query(1, 0)]
    answer = family.influence(pis, at)
    truth = np.stack([highprec.solution_derivative(family, p, at) for p in pis])
    assert (np.linalg.norm(answer.value - truth, axis=1) <= answer.bound).all()
    target = targets(family.episodes)[1]
    game = values.game(family, target, at)
    exact = -np.array([highprec.target_loss(family, target, lam) for lam in _subsets(family, at)])
    assert (np.abs(game.value - exact) <= game.bound).all()
    for estimand in (values.shapley, values.banzhaf, lambda g: subsampling.expected_removal(g, 1)):
        got, want = estimand(game), estimand(Answer.exactly(exact)).value
        assert (np.abs(got.value - want) <= got.bound).all()


def _subsets(family, at):
    """lam*(S) at 50 digits for every subset of the tasks."""
    n = family.episodes.n_tasks
    for s in range(2**n):
        member = np.array([(s >> i) & 1 for i in range(n)], dtype=float)
        if not member.any():
            yield np.zeros(family.n_meta)
            continue
        weights = Weights(member, at.weights.support, at.weights.query)
        yield highprec.minimiser(family, family.solve(weights, start=at.lam), rounded=False)


def test_an_answer_is_an_array_where_numpy_wants_one():
    answer = Answer([[1.0, 2.0], [3.0, 4.0]], [0.1, 0.2])
    assert np.asarray(answer).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert np.array(answer, dtype=np.float32).dtype == np.float32
    assert np.abs(np.ones((2, 2)) - answer).max() == 3
    assert answer[1].bound == 0.2 and answer[1].value.tolist() == [3.0, 4.0]


def test_an_answer_without_a_finite_bound_is_refused():
    with pytest.raises(NotCertified, match="no finite error bound"):
        _ = Answer(1.0, lambda: np.array(np.inf)).bound
