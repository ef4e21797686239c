"""Where curvature is small lam is followed to what rounding leaves, and what it leaves is said.

Guards a small gradient taken for a lam that is known: along a direction of little curvature a gradient within
its tolerance stands for a long way.
"""

import contextlib
import copy
import math
import warnings

import pytest
import torch

import metainfl as mi
from metainfl.errors import FarFromMinimum, NotConverged, SingularHessian


def pair(seed, tasks, reg):
    """The same small network's problem in float32 and in float64."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x, y = torch.randn(tasks, 9, 3), torch.randn(tasks, 9, 1)

    def made(dtype):
        a, b = x.to(dtype), y.to(dtype)
        return mi.Problem(
            copy.deepcopy(net).to(dtype), mi.Tasks(a[:, :4], b[:, :4], a[:, 4:], b[:, 4:]),
            mi.Unrolled(2, 0.05), inner_loss=mi.squared, outer_reg=reg,
        )  # fmt: skip

    return made(torch.float32), made(torch.float64)


@pytest.mark.parametrize("seed, tasks, reg", [(3, 60, 0.3), (4, 60, 0.3), (5, 100, 1e-3)])
def test_float32_ends_where_float64_does(seed, tasks, reg):
    """The gradient is what summing the tasks in pairs rounds it to, and lam as near as `blur` says."""
    single, double = pair(seed, tasks, reg)
    single.solve(progress=False)
    double.solve(start=single.lam.double(), progress=False)
    off = float((single.lam.double() - double.lam).norm() / (1 + double.lam.norm()))
    eps, seen = torch.finfo(torch.float32).eps, single.minimisation
    assert seen.residual <= (2 + math.log2(tasks)) * eps
    assert off <= 10 * max(seen.blur, 4 * eps)


def soft(curvature, dtype=torch.float64, noise=0.0):
    """Least squares of two features, the second seen less, whose coefficients are 1: no adaptation.

    The noise of the targets is such that no coefficient explains any of it.
    """
    torch.manual_seed(0)
    x = torch.randn(6, 8, 2).double() * torch.tensor([1.0, curvature**0.5]).double()
    y = x.sum(-1, keepdim=True)
    if noise:
        own = torch.linalg.qr(x.flatten(0, 1))[0]
        e = noise * torch.randn(48, 1).double()
        y = y + (e - own @ (own.T @ e)).reshape(y.shape)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y).to(dtype=dtype)
    return mi.Problem(
        mi.Linear(2, 1), tasks, mi.NoAdaptation(), inner_loss=mi.squared, outer_reg=0.0
    )


def test_a_lam_that_only_seems_stationary_is_said_to_be_far():
    """The gradient is within its tolerance; lam is off by a hundredth of its length."""
    problem = soft(1e-9, noise=3.0)
    softest = torch.linalg.eigh(problem.hessian(torch.zeros(2).double()))[1][:, 0]
    problem.lam = torch.ones(2).double() + 0.03 * softest
    problem.check_stationary()
    with pytest.warns(
        FarFromMinimum, match=r"Newton step from lam is 0\.01.* call problem\.solve\(\)"
    ):
        mi.influence(problem, [mi.task(0)])
    with pytest.warns(FarFromMinimum):
        mi.scores(problem, [mi.task(0)], problem.tasks)
    problem.solve(progress=False)
    assert torch.allclose(problem.lam, torch.ones(2).double(), rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mi.influence(problem, [mi.task(0)])


@pytest.mark.parametrize("curvature", [1e-4, 1e-5, 1e-6])
def test_what_rounding_leaves_open_is_said(curvature):
    """Right to a few per thousand, or a word, or an error: never a lam far off without one."""
    problem, said = soft(curvature, torch.float32), False
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            problem.solve(start=torch.tensor([0.5, 0.5]), progress=False)
        except NotConverged as error:
            said, problem.lam = True, error.result
    off = float((problem.lam - 1).norm() / (1 + problem.lam.norm()))
    assert off < 5e-3 or said or any(w.category is FarFromMinimum for w in heard)


def test_a_curvature_below_rounding_is_refused_where_it_counts():
    """No minimiser can be told from others there: what is no symmetry by name has no influence."""
    problem = soft(1e-8, torch.float32)
    problem.solve(start=torch.tensor([0.5, 0.5]), progress=False)
    with pytest.raises(SingularHessian):
        mi.influence(problem, [mi.task(0)])


def test_a_step_along_the_floor_that_leads_nowhere_loses_no_minimum():
    """Guards a minimum that was reached, and thrown away because the next step did not come to rest."""
    single, _ = pair(5, 100, 1e-3)
    single.solve(progress=False)
    taken = single.minimisation.steps
    ended = []
    for most in range(taken - 5, taken):
        again, _ = pair(5, 100, 1e-3)
        with contextlib.suppress(NotConverged), warnings.catch_warnings():
            warnings.simplefilter("ignore", FarFromMinimum)
            again.solve(progress=False, max_steps=most)
            ended.append(again.minimisation)
    assert ended and all(e.converged and e.residual <= 5e-5 for e in ended)
