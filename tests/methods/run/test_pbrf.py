"""PBRF against a numpy twin, its limit of strong damping, and what it refuses."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

import metainfl as mi
from metainfl.curvature import gauss_newton
from metainfl.errors import InvalidOption, InvalidProblem, NotConverged
from metainfl.methods.run.pbrf import pbrf, responses
from metainfl.oracle import small_case
from metainfl.problem.losses import cross_entropy
from tests.helpers import assert_close


def somewhere(name, scale=0.3):
    """A problem at a point where training may have stopped: nowhere in particular."""
    problem = small_case(name, 2).problem()
    draw = torch.Generator().manual_seed(1)
    own = scale * torch.randn(problem.n_meta, generator=draw, dtype=torch.float64)
    return problem.replaced(lam=own)


def test_it_is_the_minimiser_that_numpy_finds():
    """Guards the divergence, the removed task's sign and weight, and a divergence that reads labels."""
    problem = somewhere("single_softmax")
    t, d = problem.tasks, 0.7
    x, y = t.query_x.numpy(), t.query_y.numpy()
    w = (t.w[:, None] * t.view().query_weight).numpy()
    at = problem.lam.numpy()
    shape = (x.shape[2], y.shape[2])
    before = log_softmax(x @ at.reshape(shape), axis=-1)

    def value(lam, k):
        after = log_softmax(x @ lam.reshape(shape), axis=-1)
        spread = (w * (np.exp(before) * (before - after)).sum(-1)).sum()
        loss = -(w[k] * (y[k] * after[k]).sum(-1)).sum()
        return spread - loss + 0.5 * d * ((lam - at) ** 2).sum()

    def slope(lam, k):
        p = softmax(x @ lam.reshape(shape), axis=-1)
        g = np.einsum("tn,tnd,tnc->dc", w, x, p - np.exp(before))
        g -= np.einsum("n,nd,nc->dc", w[k], x[k], p[k] - y[k])
        return g.reshape(-1) + d * (lam - at)

    for k in (0, 2):
        want = minimize(value, at, (k,), jac=slope, method="BFGS", options={"gtol": 1e-11}).x
        found = pbrf(problem, mi.task(k), damping=d)
        moved = np.linalg.norm(want - at)
        assert np.linalg.norm(found.lam.numpy() - want) <= 1e-6 * moved
        assert found.bound <= 1e-6 * moved


@pytest.mark.parametrize("name", ["maml_softmax", "proximal_softmax"])
def test_strong_damping_leaves_damped_gauss_newton(name):
    """As moves shrink the response tends to influence by Gauss-Newton: the gap falls with the move."""
    problem = somewhere(name).replaced(outer_reg=1e-9, inner_loss=cross_entropy)
    pis, gaps = [mi.task(0), mi.task(1)], []
    for d in (1e2, 1e3):
        moved = responses(problem, pis, damping=d) - problem.lam
        linear = -mi.influence(
            problem, pis, curvature=gauss_newton, damping=d, allow_nonstationary=True
        ).value
        gaps.append(float((moved - linear).norm() / linear.norm()))
    assert gaps[1] < 0.2 * gaps[0] and gaps[1] < 1e-2


def test_what_it_refuses():
    problem = somewhere("single_softmax")
    with pytest.raises(InvalidOption, match="tasks can be removed"):
        pbrf(problem, mi.query(0, 0), damping=1.0)
    with pytest.raises(InvalidOption, match="positive"):
        pbrf(problem, mi.task(0), damping=0.0)
    with pytest.raises(InvalidProblem, match="cross-entropy"):
        pbrf(small_case("maml_linear").problem(), mi.task(0), damping=1.0)
    with pytest.raises(NotConverged, match="damp more"):
        pbrf(somewhere("single_softmax", 30.0), mi.task(0), damping=1e-13)


def test_what_has_no_pull_moves_nothing():
    """Guards a move of 0 taken for one that was not found: a task of weight 0, or all its queries."""
    problem = somewhere("single_softmax")
    none = torch.ones_like(problem.tasks.w)
    none[1] = 0
    queries = problem.tasks.view().query_weight.clone()
    queries[1] = 0
    for given in ({"task": none}, {"query": queries}):
        still = problem.replaced(tasks=problem.tasks.reweighted(**given))
        found = pbrf(still, mi.task(1), damping=1.0)
        assert torch.equal(found.lam, still.lam) and found.bound == 0
        assert not torch.equal(pbrf(still, mi.task(0), damping=1.0).lam, still.lam)


def test_places_are_named():
    """Guards the last task removed for -1, and torch's own errors."""
    problem = somewhere("single_softmax")
    for k in (-1, 9):
        with pytest.raises(InvalidProblem, match="tasks run from 0"):
            pbrf(problem, mi.task(k), damping=1.0)
    with pytest.raises(InvalidProblem, match="no perturbations"):
        responses(problem, [], damping=1.0)


def test_small_moves_are_found_to_rounding():
    """Guards an end where a line search no longer sees the value fall: the root of eps, which is not small
    beside what a datum among many moves. 1e-12: |gradient|/damping of rounding, a thousandfold."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, 4, generator=draw, dtype=torch.float64)
    y = torch.eye(3, dtype=torch.float64)[torch.randint(3, (40, 3), generator=draw)]
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(
        mi.Linear(4, 3), tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=1.0
    )
    problem.solve()
    for damping in (1.0, 100.0):
        found = pbrf(problem, mi.task(6), damping=damping)
        assert found.bound < 1e-12 < 1e-3 * float((found.lam - problem.lam).norm())


def test_targets_of_mass_two_are_weights_of_two():
    """Guards a divergence that leaves the targets' sum out: twice a distribution is twice the weight."""
    problem = somewhere("single_softmax")
    t = problem.tasks
    double = mi.Tasks(t.support_x, t.support_y, t.query_x, 2 * t.query_y, t.w)
    heavy = mi.Tasks(
        t.support_x, t.support_y, t.query_x, t.query_y, t.w, query_weight=2 * t.query_weight
    )
    got, want = (
        pbrf(problem.replaced(tasks=k), mi.task(1), damping=1.0).lam for k in (double, heavy)
    )
    assert_close(got, want, 1e-9)


def test_one_response_a_removal():
    problem = somewhere("single_softmax")
    both = responses(problem, [mi.task(1), mi.task(0)], damping=1.0)
    assert_close(both[0], pbrf(problem, mi.task(1), damping=1.0).lam, 0)


def test_padding_is_not_read_and_direct_is_refused():
    """Guards what an instance of weight 0 holds, and a term of the loss that has no divergence."""
    problem = somewhere("maml_softmax").replaced(inner_loss=cross_entropy)
    t = problem.tasks
    v = t.view().query_weight.clone()
    v[0, -1] = 0.0
    x = t.query_x.clone()
    plain = problem.replaced(tasks=mi.Tasks(t.support_x, t.support_y, x, t.query_y, query_weight=v))
    x = x.clone()
    x[0, -1] = 1e200  # its losses overflow
    padded = problem.replaced(
        tasks=mi.Tasks(t.support_x, t.support_y, x, t.query_y, query_weight=v)
    )
    want, got = (
        pbrf(p.replaced(direct=0.0), mi.task(0), damping=50.0).lam for p in (plain, padded)
    )
    assert_close(got, want, 1e-9)
    with pytest.raises(InvalidProblem, match="direct"):
        pbrf(plain.replaced(direct=0.3), mi.task(0), damping=50.0)
