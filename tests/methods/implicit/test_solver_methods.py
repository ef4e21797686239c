"""Arnoldi-IF, LiSSA-IF, FastIF and EK-FAC inside adaptation: where theory makes them exact, they are."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import exact
from metainfl.methods.implicit.arnoldi_if import arnoldi_if
from metainfl.methods.implicit.fast_if import fast_if
from metainfl.methods.implicit.lissa_if import lissa_if
from metainfl.methods.implicit.task_if_ekfac import task_if_ekfac
from metainfl.oracle import small_case
from metainfl.solve import CG
from metainfl.solve.lissa_choice import lissa_for
from tests.helpers import assert_close, relative


def tasks_of(problem):
    return [mi.task(k) for k in range(problem.tasks.n_tasks)]


@pytest.mark.parametrize("name", ["single_softmax", "maml_softmax", "proximal_ridge"])
def test_arnoldi_is_the_projection_on_leading_eigenvectors(name):
    """Guards the wrong end of the spectrum: numpy's eigenvectors of the reference's Hessian."""
    case = small_case(name)
    problem = case.problem()
    pis = tasks_of(problem)
    values, vectors = np.linalg.eigh(case.solution.hessian)
    c = case.cross_derivatives(pis)
    # rank 1 to p - 1 where a gap is: what a cluster needs is guarded in tests/solve
    gaps = np.diff(values) / values[-1] > 1e-3
    for rank in [r for r in (1, 3) if gaps[-r]]:
        u, s = vectors[:, -rank:], values[-rank:]
        got = arnoldi_if(rank)(problem, pis)
        assert_close(got, -(u @ ((u.T @ c) / s[:, None])).T, 1e-8, f"rank {rank}")
    whole = arnoldi_if(problem.n_meta)(problem, pis)
    assert_close(whole, case.influence(pis), 100 * case.tolerance())


@pytest.mark.parametrize("name", ["single_softmax", "maml_softmax"])
def test_lissa_with_chosen_options(name):
    """Guards a scale that diverges and a depth that stops short: with every task in each batch there is no
    noise, and the bias is at most rtol of H^{-1}c in the norm of each eigenvector, so of the residual."""
    case = small_case(name)
    problem = case.problem()
    pis = tasks_of(problem)
    n = problem.tasks.n_tasks
    solver = lissa_for(exact(problem), batch=n, rtol=1e-6, repeats=1)
    top = np.linalg.eigvalsh(case.solution.hessian)
    assert solver.scale * top[-1] < 1 and (1 - solver.scale * top[0]) ** solver.depth <= 1e-6
    run = lissa_if(n, rtol=1e-6, repeats=1).run(problem, pis)
    assert run.solve.converged and run.solve.residual <= 1e-6
    few = lissa_if(2, repeats=8).run(problem, pis)  # unbiased batches: noise, but no divergence
    assert relative(few.value, case.influence(pis)) < 6 * few.solve.error + 0.01
    assert few.solve.error < 0.5


def test_lissa_says_what_it_cannot_do():
    """Guards a recursion of millions of steps, and one on a matrix that is not definite."""
    problem = small_case("single_ridge").problem()
    with pytest.raises(mi.InvalidOption, match=r"take metainfl\.solve\.CG"):
        lissa_for(exact(problem), batch=2, rtol=1e-8, most=3)
    shifted = exact(problem).damped(-1e3)
    with pytest.raises(mi.SingularHessian, match="positive definite") as caught:
        lissa_for(shifted, batch=2)
    lissa_for(shifted.damped(caught.value.damping), batch=2, most=10**7)


def test_fast_if_keeps_the_nearest_and_scores_them():
    """Guards scores that belong to other data than those named: against the reference, and a sort by hand."""
    case = small_case("maml_softmax")
    problem = case.problem()
    targets = case.target_tasks(problem)
    pis = [*tasks_of(problem), mi.query(1, 0)]
    features = torch.randn(len(pis), 3, generator=torch.Generator().manual_seed(0))
    features[2] = features[4]  # a tie
    at = features[[4, 1]] + 0.0
    truth = torch.tensor(case.influence(pis) @ case.target_gradients)
    everything = {"features": features, "target_features": at}
    whole = fast_if(problem, pis, targets, neighbours=len(pis), **everything)
    assert whole.nearest[:2, 0].tolist() == [2, 4] and whole.nearest[0, 1] == 1
    assert_close(whole.value, truth.gather(0, whole.nearest), 100 * case.tolerance())
    few = fast_if(problem, pis, targets, neighbours=2, solver=CG(rtol=1e-12), **everything)
    assert torch.equal(few.nearest, whole.nearest[:2]) and few.residual <= 1e-12
    assert_close(few.value, whole.value[:2], 1e-9)
    with pytest.raises(mi.InvalidOption, match="neighbours"):
        fast_if(problem, pis, targets, neighbours=9, **everything)
    with pytest.raises(mi.InvalidOption, match="features"):
        fast_if(problem, pis, targets, neighbours=1, features=features[1:], target_features=at)


def test_ekfac_inside_is_exact_for_proximal_ridge():
    """Guards a factor or a damping in the wrong place; elsewhere it is an approximation and differs."""
    case = small_case("proximal_ridge")
    problem = case.problem()
    pis = tasks_of(problem)
    truth = case.influence(pis)
    assert_close(task_if_ekfac()(problem, pis), truth, 100 * case.tolerance())
    softmax = small_case("proximal_softmax")
    other = softmax.problem()
    gap = relative(task_if_ekfac()(other, tasks_of(other)), softmax.influence(tasks_of(other)))
    assert 1e-3 < gap < 1
