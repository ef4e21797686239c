"""Derivatives in inputs: along inputs or along parameters, the same rows, and never all inputs squared."""

import pytest
import torch

import metainfl as mi
from metainfl.derive import inputs
from metainfl.derive.cross import columns
from metainfl.problem.perturbation import shift
from tests.helpers import assert_close


class Together(torch.nn.Module):
    """Outputs less their mean over the instances at hand: each hangs on all."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(5, 1).double()

    def forward(self, x):
        out = torch.tanh(self.layer(x))
        return out - out.mean(0) ** 2


@pytest.fixture
def problem():
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    x, y = (torch.randn(3, 6, d, generator=draw, dtype=torch.float64) for d in (5, 1))
    tasks = mi.Tasks(x[:, :3], y[:, :3], x[:, 2:], y[:, 2:], torch.tensor([1.0, 2.0, 0.5]).double())
    net = Together()
    found = mi.Problem(net, tasks, mi.Unrolled(1, 0.1), outer_reg=1.0)
    found.lam = mi.FromModule(net).current()
    return found


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("side, n", [("query", 4), ("support", 3)])
def test_many_inputs_of_a_task_are_as_each_alone(problem, mode, side, n, monkeypatch):
    """Guards instances taken as if none hung on another, a task's weight, and rows in another order."""
    problem = problem.replaced(product=mode, chunk=2)
    asked = [shift(side, k, j, a) for k in (2, 0) for j in range(n) for a in range(5)]
    asked.insert(7, shift(side, 1, 1, 3))  # of this task one alone
    assert n * 5 > problem.n_meta
    alone = torch.cat([columns(problem, [p]) for p in asked])
    assert_close(columns(problem, asked), alone, 1e-12)
    monkeypatch.setattr(inputs, "_by_parameters", None)  # is what many are taken by
    with pytest.raises(mi.InvalidProblem, match="NoneType"):
        columns(problem, asked)


class Convolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.seen, self.out = torch.nn.Conv2d(3, 2, 3).double(), torch.nn.Linear(8, 1).double()

    def forward(self, x):
        return self.out(torch.tanh(self.seen(x)).flatten(1))


def test_images_whose_channels_stand_last_in_memory_are_shifted_as_others():
    """Guards tangents in the layout of the images, which no feature can be counted along."""
    torch.manual_seed(0)
    x = torch.randn(3, 6, 4, 4, 3).double().permute(0, 1, 4, 2, 3)
    y, net = torch.randn(3, 6, 1).double(), Convolution()
    found = []
    for own in (x, x.contiguous()):
        tasks = mi.Tasks(own[:, :3], y[:, :3], own[:, 3:], y[:, 3:])
        at = mi.Problem(net, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.squared, outer_reg=1.0)
        at.lam = mi.FromModule(net).current()
        found.append(columns(at, [shift("query", 0, 0, 21), shift("support", 2, 1, 3)]))
    assert float(found[1].norm(dim=0).min()) > 0
    assert_close(found[0], found[1], 1e-12)


def test_what_is_held_at_once_is_bounded(problem, monkeypatch):
    """Guards a tangent of the whole task for every input that is asked about, all held together."""
    seen, made = [], inputs._unit_inputs
    asked = [shift("query", k, 0, a) for k in range(3) for a in range(5)]
    want = columns(problem, asked)
    monkeypatch.setattr(inputs, "IN_FLIGHT", 8 * 8 * 20 * 2)  # of tasks with 20 inputs: two
    monkeypatch.setattr(inputs, "_unit_inputs", lambda *a: seen.append(len(a[2])) or made(*a))
    assert_close(columns(problem, asked), want, 1e-12)
    assert max(seen) == 2 and sum(seen) == 15
