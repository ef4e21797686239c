"""FI-active, KFSVD and the forest's ranks of 004, against FI itself."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import kfac
from metainfl.errors import InvalidOption
from metainfl.methods.implicit.fi_active import fi_active, predicted_ranks
from metainfl.methods.implicit.influence_measure import influence_measure
from metainfl.methods.implicit.kfsvd import kfsvd
from metainfl.oracle import small_case
from tests.helpers import assert_close

ASKED = [mi.query(0, 0), mi.query(0, 1), mi.query(1, 0), mi.query(2, 1)]


def pool_of(problem):
    """Other inputs, labels that must not be read."""
    draw = torch.Generator().manual_seed(3)
    t = problem.tasks.select([0, 1])
    x = torch.randn(t.query_x.shape, generator=draw, dtype=torch.float64)
    return mi.Tasks(t.support_x, t.support_y, x, torch.zeros_like(t.query_y))


@pytest.mark.parametrize("name", ["single_softmax", "proximal_softmax", "maml_softmax"])
def test_it_is_fi_on_the_predicted_label_aggregated(name):
    """Guards labels that are read, and a prediction that is not the adapted model's."""
    problem = small_case(name).problem()
    pool = pool_of(problem)
    every = []
    for k in range(2):
        for j in range(pool.query_x.shape[1]):
            one = pool.select([k])
            best, values = None, []
            for c in range(pool.query_y.shape[2]):  # the predicted label has the smallest loss
                label = torch.zeros(1, 1, pool.query_y.shape[2], dtype=torch.float64)
                label[..., c] = 1
                target = mi.Tasks(one.support_x, one.support_y, one.query_x[:, j : j + 1], label)
                values.append((float(problem.losses(problem.lam, target)), target))
            best = min(values, key=lambda v: v[0])[1]
            every.append(influence_measure(problem, ASKED, best)[:, 0])
    want = torch.stack(every, dim=1)
    shape = pool.query_x.shape[:2]
    assert_close(fi_active(problem, ASKED, pool), want.mean(0).reshape(shape), 1e-10)
    middle = torch.quantile(want, 0.5, dim=0).reshape(shape)
    assert_close(fi_active(problem, ASKED, pool, aggregate=0.5), middle, 1e-10)
    inner = want.sort(dim=0).values[1:3].mean(0).reshape(shape)
    assert_close(fi_active(problem, ASKED, pool, trim=0.25), inner, 1e-10)
    with pytest.raises(InvalidOption, match="quantile"):
        fi_active(problem, ASKED, pool, aggregate="median")
    with pytest.raises(InvalidOption, match="below a half"):
        fi_active(problem, ASKED, pool, trim=0.5)


def test_pools_and_options_that_do_not_fit_are_named():
    """Guards an option that is ignored, torch's own errors, and NaN that would be ranked."""
    problem = small_case("single_softmax").problem()
    pool = pool_of(problem)
    with pytest.raises(InvalidOption, match="not trimmed"):
        fi_active(problem, ASKED, pool, aggregate=1.0, trim=0.3)
    with pytest.raises(InvalidOption, match="a float"):
        fi_active(problem, ASKED, pool, aggregate=1)
    fields = ("support_x", "support_y", "query_x", "query_y")
    one, two = ({n: getattr(pool, n)[k] for n in fields} for k in range(2))
    shorter = two | {n: two[n][:1] for n in fields[2:]}
    with pytest.raises(mi.InvalidTasks, match=r"pool\.groups"):
        fi_active(problem, ASKED, mi.Tasks.ragged([one, shorter]))
    wide = torch.cat([pool.query_x, pool.query_x], dim=2)
    with pytest.raises(mi.InvalidProblem, match="shapes"):
        fi_active(problem, ASKED, mi.Tasks(wide[:, :0], pool.query_y[:, :0], wide, pool.query_y))
    huge = pool.query_x.clone()
    huge[1, 0] = 1e308
    far = mi.Tasks(pool.support_x, pool.support_y, huge, pool.query_y)
    with pytest.raises(mi.NotFinite, match="instance 0 of the pool's task 1"):
        fi_active(problem.replaced(lam=1e3 * problem.lam), ASKED, far)


def test_pools_may_differ_in_their_supports():
    """Guards a refusal that asks for more than it needs: only query instances stand in the answer's shape."""
    problem = small_case("maml_softmax").problem()
    pool = pool_of(problem)
    fields = ("support_x", "support_y", "query_x", "query_y")
    one, two = ({n: getattr(pool, n)[k] for n in fields} for k in range(2))
    shorter = two | {n: two[n][:-1] for n in fields[:2]}
    found = fi_active(problem, ASKED, mi.Tasks.ragged([one, shorter]))
    assert_close(found[:1], fi_active(problem, ASKED, pool)[:1], 1e-12)


def test_all_singular_values_give_fi():
    problem = small_case("single_softmax").problem()
    targets = problem.tasks.select([0, 1])
    want = influence_measure(problem, ASKED, targets)
    full = problem.tasks.query_x.shape[2]
    assert_close(kfsvd(problem, ASKED, targets, rank=full), want, 1e-9)
    off = [
        float((kfsvd(problem, ASKED, targets, rank=k) - want).norm() / want.norm())
        for k in range(1, full + 1)
    ]
    assert off[0] > 1e-6 > off[-1]  # a cut is seen, and no cut is none
    with pytest.raises(InvalidOption, match="rank"):
        kfsvd(problem, ASKED, targets, rank=0)


def test_kronecker_factors_may_stand_for_the_hessian():
    """The paper's own combination: K-FAC, whose inverse turns the slopes in place of the Hessian's."""
    problem = small_case("single_softmax").problem()
    targets = problem.tasks.select([0])
    full = problem.tasks.query_x.shape[2]
    found = kfsvd(problem, ASKED, targets, rank=full, curvature=kfac)
    assert_close(found, influence_measure(problem, ASKED, targets, curvature=kfac), 1e-9)
    assert (found >= 0).all()


def test_ranks_of_a_forest():
    """All values known: exact. A share known: a monotone dependence on one feature is found again."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((120, 2))
    value = np.exp(x[:, 0])
    exact = np.argsort(np.argsort(-value))
    assert np.array_equal(predicted_ranks(x, value, range(120)), exact)
    some = draw.permutation(120)[:40]
    guess = predicted_ranks(x, value[some], some)
    assert sorted(guess) == list(range(120))
    assert np.corrcoef(guess, exact)[0, 1] > 0.9
    assert np.array_equal(np.argsort(guess[some]), np.argsort(exact[some]))
    with pytest.raises(InvalidOption, match="each place once"):
        predicted_ranks(x, value[:2], [1, 1])


@pytest.mark.parametrize("where", [[-1, 4], [0, 5], [0.0, 1.0], [[0, 1]], []])
def test_places_of_ranks_are_rows(where):
    """Guards one row taken twice, by its number and by its distance from the end, and numpy's own errors."""
    x = np.arange(5.0)[:, None]
    with pytest.raises(InvalidOption, match="each place once"):
        predicted_ranks(x, np.ones(np.shape(where)), where)


def test_what_is_not_finite_has_no_rank():
    """Guards NaN that is ranked last without a word, and features that trees take as missing."""
    x = np.arange(5.0)[:, None]
    with pytest.raises(InvalidOption, match=r"known is not finite at index \[1\]"):
        predicted_ranks(x, np.array([1.0, np.nan]), [0, 3])
    x[2] = np.nan
    with pytest.raises(InvalidOption, match=r"features is not finite at index \[2, 0\]"):
        predicted_ranks(x, np.ones(2), [0, 3])
