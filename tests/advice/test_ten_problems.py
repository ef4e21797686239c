"""Advice on ten different problems: what it predicts of its own recommendation is what is measured."""

import pytest
import torch

import metainfl as mi
from metainfl.advice.advice import STATIONARY
from metainfl.advice.advise import advise
from metainfl.data import digit_tasks
from metainfl.oracle import small_case
from metainfl.oracle.bridge import tasks_of
from metainfl.training.networks import conv4, mlp
from metainfl_reference.families import FAMILIES


def _digits(n):
    return tasks_of(digit_tasks(tasks=n))


def _prototype_network():
    """Deep prototypes: turns of the embedding leave every distance, so H has six flat directions."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(6, 9, 4, generator=draw, dtype=torch.float64)
    y = torch.eye(3, dtype=torch.float64)[torch.arange(9) % 3].expand(6, -1, -1)
    tasks = mi.Tasks(x, y, x.flip(1) + 0.1, y.flip(1))
    problem = mi.Problem(
        mlp((4, 5, 4)), tasks, mi.Prototypes(), inner_loss=mi.cross_entropy, outer_reg=0.1
    )
    problem.solve()
    return problem


def _convolution():
    tasks = _digits(6)
    image = lambda x: x.reshape(*x.shape[:2], 1, 8, 8)  # noqa: E731
    tasks = mi.Tasks(image(tasks.support_x), tasks.support_y, image(tasks.query_x), tasks.query_y)
    net = conv4(
        5, size=8, hidden=1, blocks=2, normalisation="none", activation="tanh", downsample="mean"
    )
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.05), inner_loss=mi.cross_entropy, outer_reg=2.0
    )
    problem.solve()
    return problem


PROBLEMS = {
    **{name: lambda name=name: small_case(name, 5).problem() for name in FAMILIES},
    "deep prototypes": _prototype_network,
    "convolution": _convolution,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_recommendation_keeps_what_it_predicts(name):
    """Guards advice that is right for the families it was written with, and for no network."""
    problem = PROBLEMS[name]()
    found = advise(problem, 1e-2, measure=True)
    assert found.residual < STATIONARY and not found.warnings
    assert found.measured <= found.predicted + 1e-13
    assert found.predicted <= 1e-2


def test_flat_directions_of_deep_prototypes_are_found_and_offered():
    """Guards a damping where a symmetry is what makes H singular."""
    problem = _prototype_network()
    found = advise(problem, measure=True)
    assert found.flat.startswith("6 directions (turns of head.weight)")
    assert "metainfl.symmetry.find(problem)" in str(found)
    values = torch.linalg.eigvalsh(problem.hessian(problem.lam))
    assert found.low == pytest.approx(float(values[6]), rel=1e-6) and not found.damping
    assert found.predicted < 1e-8


def test_a_point_that_is_not_stationary_is_told_first():
    """Guards numbers about a point at which influence means little."""
    net = mlp((64, 8, 5))
    problem = mi.Problem(
        net, _digits(12), mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-2
    )
    problem.lam = problem.own_start()
    found = advise(problem)
    assert str(found).startswith("warning      lam is far from stationary")
