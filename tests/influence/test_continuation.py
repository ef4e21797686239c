"""The branch of a removal where lam is far from 1."""

import pytest
import torch

import metainfl as mi
from metainfl.influence import continuation


@pytest.mark.parametrize("size", [10.0, 1000.0, 1e6])
def test_a_quadratic_has_one_branch_at_any_scale(size):
    """Guards a step judged by its length alone: a quadratic goes straight to its one minimiser."""
    x = torch.ones(2, 1, 1, dtype=torch.float64)
    y = size * torch.tensor([1.0, -1.0], dtype=torch.float64).reshape(2, 1, 1)
    problem = mi.Problem(mi.Linear(1, 1), mi.Tasks(x, y, x, y), mi.NoAdaptation(), outer_reg=0.1)
    problem.solve()
    found = continuation.removed(problem, mi.task(0))
    assert float(found[0]) == pytest.approx(-size * 1.0 / 1.1, rel=0.1)
    assert float(found[0]) == pytest.approx(
        float(problem.replaced(tasks=scaled(problem)).solve()[0])
    )


def scaled(problem):
    return mi.problem.weights.without(problem.tasks, mi.task(0))
