"""Beside a kink the Hessian has no bound, and no gradient is small against it."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import NotConverged, NotStationary


def distance(outputs, y):
    return torch.linalg.vector_norm(outputs - y, dim=1)


@pytest.fixture
def problem():
    """F is least at the heaviest of four points, where it has no gradient."""
    draw = torch.Generator().manual_seed(4)
    y = torch.randn(1, 4, 2, generator=draw, dtype=torch.float64)
    x, weight = torch.ones(1, 4, 1, dtype=torch.float64), torch.tensor([[9.0, 1, 1, 1]])
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y, query_weight=weight.double())
    return mi.Problem(mi.Linear(1, 2), tasks, mi.NoAdaptation(), inner_loss=distance, outer_reg=1.0)


@pytest.mark.parametrize("way", ["dense", "trust-region"])
def test_a_minimum_at_a_kink_is_not_said_to_be_reached(problem, way):
    """Guards "a local minimum, to rounding" at a relative gradient of 0.6."""
    with pytest.raises(NotConverged):
        problem.solve(torch.zeros(2, dtype=torch.float64), way=way)


@pytest.mark.parametrize("far", [1e-8, 1e-10, 1e-11])
def test_no_influence_beside_a_kink(problem, far):
    """Guards an influence where the minimiser does not move: 0.4 for 0, with a word on little curvature."""
    problem.lam = problem.tasks.query_y[0, 0] + far
    with pytest.raises(NotStationary, match="relative gradient 0"):
        mi.influence(problem, [mi.query(0, 1)])
