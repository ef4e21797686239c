"""Where torch, or a minimiser, only says that it failed: what the reason may be, and what to do."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import metainfl as mi

D = torch.float64


class Net(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.layer, self.f = nn.Linear(3, 2), f

    def forward(self, x):
        return self.f(self.layer, x)


def problem(f=lambda layer, x: layer(x).tanh(), loss=mi.squared, net=None):
    torch.manual_seed(0)
    x, y = torch.randn(3, 4, 3, dtype=D), torch.randn(3, 4, 2, dtype=D)
    own = (net or Net(f)).double()
    return mi.Problem(
        own, mi.Tasks(x, y, x, y), mi.Unrolled(1, 0.05), inner_loss=loss, outer_reg=4.0
    )


def slope(layer, x):
    """An energy's force, as physics-informed networks have it."""
    x = x.detach().requires_grad_()
    energy = layer(x).tanh().sum()
    return torch.autograd.grad(energy, x, create_graph=True)[0][:, :2]


UNDONE = {
    "autograd.grad": (slope, r"torch\.func\.grad"),
    "checkpoint": (
        lambda layer, x: checkpoint(torch.tanh, layer(x), use_reentrant=False),
        r"leave out torch\.utils\.checkpoint",
    ),
    "half": (lambda layer, x: layer(x).half(), "the model returned torch.float16"),
    "brain": (lambda layer, x: layer(x).bfloat16(), "the model returned torch.bfloat16"),
}


@pytest.mark.parametrize("name", UNDONE)
def test_what_to_do_is_said(name):
    """Guards torch's words alone, and a backward that is blamed for half precision."""
    f, words = UNDONE[name]
    with pytest.raises(mi.InvalidProblem, match=words):
        problem(f).solve(progress=False)


def test_a_parallel_module_is_taken_out():
    with pytest.raises(mi.InvalidProblem, match=r"net\.module"):
        problem(net=nn.DataParallel(Net(lambda layer, x: layer(x)))).solve(progress=False)


def test_what_is_advised_is_right():
    """`torch.func.grad` in place of `torch.autograd.grad`: the same model, and it is answered."""

    def force(layer, x):
        return torch.func.grad(lambda z: layer(z).tanh().sum())(x)[:, :2]

    p = problem(force)
    p.solve(progress=False)
    assert torch.isfinite(mi.influence(p, [mi.task(0)]).value).all()


@pytest.mark.parametrize("part", ["model", "loss"])
def test_a_part_in_single_precision_is_thought_of(part):
    """Guards kinks as the only reason of a stall at a relative gradient of 1e-8 or 1e-4."""
    single = {
        "model": {"f": lambda layer, x: layer(x).float()},
        "loss": {"loss": lambda o, y: mi.squared(o.float(), y.float())},
    }
    with pytest.raises(mi.NotConverged, match=r"as in single precision.*float32"):
        problem(**single[part]).solve(progress=False)


@pytest.mark.parametrize("steps", ["10", None, 2.5, float("nan"), 0, True])
def test_steps_are_counted(steps):
    """Guards a bare TypeError, and "not minimised in nan Newton steps"."""
    with pytest.raises(mi.InvalidOption, match="max_steps must be a whole number"):
        problem().solve(max_steps=steps)


def test_progress_is_yes_no_or_a_function():
    with pytest.raises(mi.InvalidOption, match="progress is True, False, None, or a function"):
        problem().solve(progress="no")


@pytest.mark.parametrize("other", [lambda p, q: q, torch.ones(3), 0])
def test_another_right_hand_side_is_a_problem(other):
    """Guards `'function' object has no attribute 'tasks'`."""
    p = problem()
    p.solve(progress=False)
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem"):
        mi.influence(p, [mi.task(0)], right_hand_side=other)
