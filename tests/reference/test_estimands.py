"""Exact estimands: axioms, identities and enumeration."""

import numpy as np
import pytest

from metainfl.oracle import small_case
from metainfl_reference.answer import Answer
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands import (
    cook,
    direct,
    influence_measure,
    knn_shapley,
    removal,
    representer,
    subsampling,
    values,
)
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets
from metainfl_reference.generators import regression, small, with_duplicate, with_null
from metainfl_reference.perturbation import group, query, support, task
from metainfl_reference.second_route.richardson import aligned
from tests.helpers import NAMES, QUADRATIC, assert_close

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def game():
    case = small_case("proximal_ridge", 1)
    return values.game(case.family, targets(regression(99))[0], case.solution)


def test_shapley_efficiency_and_permutations(game):
    phi = values.shapley(game).value
    assert abs(phi.sum() - (game.value[-1] - game.value[0])) < 1e-12
    assert np.abs(phi - values.by_permutations(game)).max() < 1e-12
    assert np.abs(phi - values.beta_shapley(game, 1, 1).value).max() < 1e-12


@pytest.mark.parametrize(
    "value", [values.shapley, values.banzhaf, lambda v: values.beta_shapley(v, 1, 4)]
)
def test_symmetry_null_and_linearity(value):
    a, b = RNG.standard_normal((2, 16))

    def of(numbers):
        return value(Answer.exactly(numbers)).value

    assert np.abs(of(2 * a - 3 * b) - (2 * of(a) - 3 * of(b))).max() < 1e-12
    index = np.arange(16)
    null = a[index & ~4]  # player 2 changes nothing
    assert abs(of(null)[2]) < 1e-12
    swapped = np.array([(s & ~3) | ((s & 1) << 1) | ((s & 2) >> 1) for s in index])
    alike = a + a[swapped]
    assert abs(of(alike)[0] - of(alike)[1]) < 1e-12


def test_direct_influence_needs_what_nothing_reads_regularised():
    """Guards a LinAlgError that names nothing: theta held fixed, L_O does not read lam at all."""
    d_out = np.array([0.5, 0.0, 0.5, 0.5, 0.5, 0.5])
    family = small("proximal_ridge", 1, d_out=d_out)
    with pytest.raises(InvalidProblem, match="direct Hessian is singular"):
        direct.influence(family, [task(0)], family.solve())
    read = small("proximal_ridge", 1, d_out=d_out, direct=0.3)
    assert np.isfinite(direct.influence(read, [task(0)], read.solve()).value).all()


def test_a_game_needs_every_parameter_regularised():
    """Guards a value of no task at all at lam = 0, where F is flat."""
    family = small("single_ridge", 1, d_out=np.array([0.5, 0.0, 0.5, 0.5, 0.5, 0.5]))
    with pytest.raises(InvalidProblem, match="d_out is 0"):
        values.game(family, targets(family.episodes)[0], family.solve())


def test_leave_out_matches_removal(game):
    case = small_case("proximal_ridge", 1)
    target = targets(regression(99))[0]
    for (k,), v in values.leave_out(game, 1).items():
        lam = removal.exact(case.family, task(k), case.solution)
        score = removal.score(case.family, target, case.solution, lam)
        assert abs(v.value - score.value) <= min(v.bound + score.bound, 1e-11)
    assert len(values.leave_out(game, 2)) == 10


def test_subsampling_identities(game):
    n = 5
    by_size = [subsampling.expected_removal(game, m).value for m in range(n)]
    assert np.abs(np.mean(by_size, axis=0) - values.shapley(game).value).max() < 1e-12
    assert_close(
        by_size[-1], np.array([v.value for v in values.leave_out(game, 1).values()]), 1e-12
    )
    direct = subsampling.downsampling(game, 3).value
    assert np.abs(direct - by_size[2]).max() > 1e-3  # sizes m against m, not m against m - 1
    profile = [subsampling.consistency_profile(game, m).value for m in range(1, n + 1)]
    assert abs(subsampling.c_score(game).value - np.mean(profile)) < 1e-14
    assert profile[-1] == game.value[-1]


def test_memorisation_is_positive_for_an_outlier():
    e = regression(5)
    y = e.query_y.copy()
    y[2] += 5.0
    family = FAMILIES["proximal_ridge"](
        Episodes(e.support_x, e.support_y, e.query_x, y), d_in=1.0, d_out=0.5
    )
    at = family.solve()
    own = [
        subsampling.memorisation(values.game(family, t, at), i, 4).value
        for i, t in enumerate(targets(family.episodes))
    ]
    assert int(np.argmax(own)) == 2 and own[2] > 0


@pytest.mark.parametrize("name", QUADRATIC)
def test_newton_removal_is_exact_on_quadratics(name):
    case = small_case(name, 4)
    pis = case.perturbations(("task", "query", "group", "support"), limit=8)
    solved = np.stack([removal.exact(case.family, p, case.solution).value for p in pis])
    assert_close(case.truth("newton", pis), solved, 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_orders_of_removal(name):
    """Removing a share s of a weight: the first-order error falls as s^2, the second-order as s^3."""
    case = small_case(name, 1)
    family, at = case.family, case.solution
    p = task(1)
    slope = family.influence([p], at).value[0]
    bend = 2 * (removal.second_order(family, p, at).value - at.lam + slope)
    errors = []
    for s in (0.02, 0.01):
        moved = family.solve(at.weights.moved(p, -s), start=at.lam).lam
        moved = aligned(family, moved, at.lam) - at.lam
        errors.append(
            (np.abs(moved + s * slope).max(), np.abs(moved + s * slope - s * s * bend / 2).max())
        )
    (a1, a2), (b1, b2) = errors
    assert 1.9 < np.log2(a1 / b1) < 2.1
    assert 2.8 < np.log2(a2 / b2) < 3.2


def test_second_order_removal_from_any_weights():
    """A share of the way from weights 0.8, 1.3, 0.6 to zero: what is left is of third order."""
    family = small("proximal_softmax", 2)
    members = [task(1), query(1, 0), support(2, 1)]
    start = Weights.ones(family.episodes)
    for m, w in zip(members, (0.8, 1.3, 0.6), strict=True):
        start = start.moved(m, w - 1)
    at = family.solve(start)
    first = removal.first_order(family, group(members), at).value - at.lam
    second = removal.second_order(family, group(members), at).value - at.lam
    errors = []
    for s in (0.04, 0.02):
        weights = start
        for m, w in zip(members, (0.8, 1.3, 0.6), strict=True):
            weights = weights.moved(m, -s * w)
        moved = family.solve(weights, start=at.lam).lam - at.lam
        errors.append(np.abs(moved - s * first - s * s * (second - first)).max())
    assert 2.8 < np.log2(errors[0] / errors[1]) < 3.2


@pytest.mark.parametrize("name", NAMES)
def test_representer_adds_up(name):
    case = small_case(name, 2)
    parts = representer.task_components(case.family, case.solution).value
    assert np.abs(parts.sum(axis=0) - case.solution.lam).max() < 1e-11
    if name.startswith("single"):
        x = np.array([0.5, -1.0, 2.0])
        prediction = x @ case.solution.lam.reshape(3, -1)
        pieces = representer.prediction_parts(case.family, case.solution, x).value
        assert np.abs(pieces.sum(axis=(0, 1)) - prediction).max() < 1e-11


@pytest.mark.parametrize("k", [1, 2, 3, 6, 8])
def test_knn_shapley_belongs_to_the_positive_value(k):
    match = np.array([1, 0, 1, 1, 0, 0], dtype=float)
    enumerated, closed = (
        values.shapley(knn_shapley.game(match, k)),
        knn_shapley.closed_form(match, k),
    )
    gap = np.abs(closed.value - enumerated.value)
    assert (gap <= closed.bound + enumerated.bound).all() and gap.max() < 1e-12


def test_cook_distance_by_the_hat_matrix():
    """Classical formula D = r^2 h / (p s^2 (1 - h)^2) with ridge leverage and its residuals."""
    family = FAMILIES["single_ridge"](regression(3, tasks=6, query=1, support=1, c=1), d_out=1e-9)
    at = family.solve()
    x = family.episodes.query_x[:, 0]
    hat = x @ np.linalg.solve(x.T @ x + 1e-9 * np.eye(3), x.T)
    r = family.episodes.query_y[:, 0, 0] - x @ at.lam
    s2 = r @ r / 3
    for k in range(6):
        want = r[k] ** 2 * (hat @ hat)[k, k] / (3 * s2 * (1 - hat[k, k]) ** 2)
        assert abs(cook.classical(family, task(k), at).value / want - 1) < 1e-7
        assert cook.general(family, task(k), at).value > 0


@pytest.mark.parametrize("name", ["single_ridge", "prototypes"])
def test_cooks_shift_has_the_sign_of_eq_5(name):
    """Guards the sign: 003 subtracts the retrained parameters from the trained ones, groups too."""
    case = small_case(name, 3)
    for p in (task(1), group([task(1), query(2, 0)])):
        shift = cook.shift(case.family, p, case.solution)
        gone = removal.exact(case.family, p, case.solution)
        assert np.abs(shift.value - (case.solution.lam - gone.value)).max() == 0
        assert 0 < shift.bound <= 1e-9
        first = case.family.influence([p], case.solution).value[0]
        assert shift.value @ first > 0  # lam* - lam*_{-p} is + influence to first order


def test_influence_measure():
    case = small_case("single_softmax", 1)
    x, y = np.ones(3), np.eye(3)[1]
    fi = influence_measure.influence_measure(case.family, case.solution, 0, 1, x, y)
    assert fi.rank == 2 and fi.value.value >= 0
    h = 1e-5
    moved = []
    for s in (h, -h):
        from metainfl_reference.perturbation import shift
        from metainfl_reference.second_route.perturbed import perturbed

        other, w = perturbed(case.family, case.solution.weights, shift("query", 0, 1, 2), s)
        lam = other.solve(w, start=case.solution.lam).lam.reshape(3, 3)
        z = x @ lam
        moved.append(np.log(np.exp(z).sum()) - z[1])
    assert abs((moved[0] - moved[1]) / (2 * h) - fi.slope[2]) < 1e-8


def test_weights_zero_two_null_and_group():
    family = small("proximal_softmax", 3)
    at = family.solve()
    doubled = family.solve(at.weights.moved(task(1), 1.0), start=at.lam)
    twice = FAMILIES["proximal_softmax"](with_duplicate(family.episodes, 1), d_in=1.0, d_out=0.5)
    assert np.abs(doubled.lam - twice.solve().lam).max() < 1e-12
    null = FAMILIES["proximal_softmax"](with_null(family.episodes), d_in=1.0, d_out=0.5)
    s = null.solve()
    assert np.abs(s.lam - at.lam).max() < 1e-12
    assert np.abs(null.influence([task(5)], s).value).max() == 0
    both = family.influence([group([task(0), query(1, 1), support(2, 0)])], at).value[0]
    each = family.influence([task(0), query(1, 1), support(2, 0)], at).value
    assert_close(both, each.sum(axis=0), 1e-13)
