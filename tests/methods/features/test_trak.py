"""TRAK: equal to influence functions where theory says so, and its projection unbiased in the kernel."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.derive.cross import columns
from metainfl.methods.features import trak
from metainfl.methods.features.trak import gradients
from metainfl.oracle import small_case
from tests.helpers import assert_close, relative


def ridge(outer_reg, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x, xt = torch.randn(2, 3, 6, 4, generator=draw, dtype=torch.float64)
    y = x @ torch.ones(4, 1, dtype=torch.float64) + 0.3 * torch.randn(
        3, 6, 1, generator=draw, dtype=torch.float64
    )
    w = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y, w)
    problem = mi.Problem(mi.Linear(4, 1), tasks, mi.NoAdaptation(), outer_reg=outer_reg)
    problem.solve()
    target = mi.Tasks(xt[:, :0, :], y[:, :0], xt[:, :1], y[:, :1])
    return problem, target


ALL = [mi.query(k, j) for k in range(3) for j in range(6)]


def test_exact_on_ridge():
    """Guards sign, scale and task weights: d f/d v by refitting with a moved weight, closed form."""
    problem, target = ridge(0.7)
    x, y = problem.tasks.query_x.flatten(0, 1).numpy(), problem.tasks.query_y.flatten().numpy()
    w = np.repeat(problem.tasks.w.numpy(), 6)
    at = target.query_x[:, 0].numpy()

    def f(weights):
        h = x.T @ (weights[:, None] * x) + 0.7 * np.eye(4)
        return at @ np.linalg.solve(h, x.T @ (weights * y))

    step = 1e-5  # central differences: error of order step^2 and eps/step
    want = [
        (f(w + step * w * e) - f(w - step * w * e)) / (2 * step) for e in np.eye(18)
    ]  # d/dv: w_k v
    got = trak(problem, ALL, target, damping=0.7)
    assert_close(got, np.stack(want), 1e-8)
    # the paper's own damping of 0 is the limit: outer_reg 1e-6 leaves 1e-6 of the answer
    near, target = ridge(1e-6)
    assert relative(trak(near, ALL, target), trak(near, ALL, target, damping=1e-6)) < 1e-5


def test_margin_carries_the_whole_gradient_of_the_loss():
    """Guards f and q of cross-entropy: q grad f must be grad l, for labels and for one-hot targets."""
    problem = small_case("single_softmax").problem()
    rows, q = gradients(problem, problem.tasks)
    n = problem.tasks.query_x.shape[1]
    every = [mi.query(k, j) for k in range(problem.tasks.n_tasks) for j in range(n)]
    want = columns(problem, every) / problem.tasks.w.repeat_interleave(n)[:, None]
    assert_close(q[:, None] * rows, want, 1e-13)
    t = problem.tasks
    labels = t.query_y.argmax(2)
    as_labels = mi.Tasks(t.support_x, t.support_y.argmax(2), t.query_x, labels)
    assert torch.equal(gradients(problem.replaced(tasks=as_labels), as_labels)[1], q)


def test_projection_and_ensembles():
    """Guards a projection that is not applied on both sides, and members averaged in the wrong place."""
    problem, target = ridge(0.7)
    full = trak(problem, ALL, target)
    wide = trak(
        problem, ALL, target, dimension=4
    )  # square and invertible: K changes its basis only
    assert_close(wide, full, 1e-10)
    few = [trak(problem, ALL, target, dimension=2, seed=s) for s in (0, 0, 1)]
    assert torch.equal(few[0], few[1]) and not torch.allclose(few[0], few[2])
    assert relative(few[0], full) > 0.01
    other = problem.replaced(lam=problem.lam + 0.1)
    both = trak([problem, other], ALL, target)
    kernel = full / -_residuals(problem)[:, None]  # linear: the same for both
    assert_close(both, -kernel * ((_residuals(problem) + _residuals(other)) / 2)[:, None], 1e-12)


def _residuals(problem):
    t = problem.tasks
    r = problem.setting.model(problem.lam, t.query_x.flatten(0, 1)) - t.query_y.flatten(0, 1)
    return r[:, 0] * t.w.repeat_interleave(6)


def test_trak_refuses():
    """Guards an answer for what TRAK is not defined for."""
    problem, target = ridge(0.7)
    with pytest.raises(mi.InvalidOption, match="query instances"):
        trak(problem, [mi.task(0)], target)
    with pytest.raises(mi.InvalidProblem, match="nothing is adapted"):
        case = small_case("maml_softmax")
        trak(case.problem(), [mi.query(0, 0)], case.problem().tasks)
    two = small_case("single_ridge").problem()
    with pytest.raises(mi.InvalidProblem, match="one output"):
        trak(two, [mi.query(0, 0)], two.tasks)
