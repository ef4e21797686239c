"""Cook's distance against the reference, and against the textbook formula of least squares."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.methods.implicit.cook import cook_distance, cook_shift
from metainfl.oracle import small_case
from metainfl.oracle.bridge import to_truth
from metainfl_reference.estimands import cook
from tests.helpers import assert_close


@pytest.mark.parametrize("name", ["single_softmax", "maml_softmax", "single_ridge"])
def test_by_the_reference(name):
    """Guards the sign (003, eq. 5), and one Newton step given for the removal where F is not quadratic."""
    case = small_case(name)
    problem = case.problem()
    pis = [mi.task(1), mi.query(0, 1), mi.group([mi.task(0), mi.query(2, 0)])]
    there = [to_truth(p) for p in pis]
    shifts = np.stack([cook.shift(case.family, p, case.solution).value for p in there])
    sizes = np.array([cook.general(case.family, p, case.solution).value for p in there])
    assert_close(cook_shift(problem, pis, resolved=True), shifts, 1e-8)
    assert_close(cook_distance(problem, pis, resolved=True), sizes, 1e-8)
    step = cook_shift(problem, pis)
    if case.family.quadratic:
        assert_close(step, shifts, 1e-9)
    else:
        assert 1e-4 < float((step - torch.tensor(shifts)).norm() / step.norm()) < 0.5


def test_least_squares_textbook():
    """Guards the scale: D_i = e_i^2 h_i / (p s^2 (1 - h_i)^2) for one output and no regulariser."""
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(1, 12, 3, generator=draw, dtype=torch.float64)
    y = torch.randn(1, 12, 1, generator=draw, dtype=torch.float64)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(mi.Linear(3, 1), tasks, mi.NoAdaptation(), outer_reg=0.0)
    problem.solve()
    a, b = x[0].numpy(), y[0, :, 0].numpy()
    hat = a @ np.linalg.solve(a.T @ a, a.T)
    e, h = b - hat @ b, np.diag(hat)
    s2 = e @ e / (12 - 3)
    textbook = e**2 * h / (3 * s2 * (1 - h) ** 2)
    ours = cook_distance(problem, [mi.query(0, j) for j in range(12)]) / s2
    assert_close(ours, textbook, 1e-11)
