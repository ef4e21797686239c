"""Code whose backward is no derivative is refused before it is used, wherever it stands; the rest is not."""

import warnings

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.derive.own_code import own_code
from metainfl.errors import InvalidProblem
from metainfl.influence.removal import target_losses
from metainfl.training import Recipe, load, save, train
from metainfl.training.networks import mlp
from tests.derive.test_differences import Reversed, StraightThrough


def scripted():
    """A loss that is a scripted module: torch's by type, a user's by content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.CrossEntropyLoss(reduction="none"))


class Function(nn.Module):
    """m1(f(m0(x)))."""

    def __init__(self, f, width=3):
        super().__init__()
        self.f, self.first, self.last = f, nn.Linear(4, width), nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.f(self.first(x)))


def norm_without_gradient(h):
    with torch.no_grad():
        size = h.norm()
    return h / size


WRONG = {
    "detached difference": lambda h: h - h.detach() + h.detach().tanh(),
    "detached maximum that matters": lambda h: (h - h.amax(1, keepdim=True).detach()).exp(),
    "straight-through sigmoid": StraightThrough.apply,
    "reversed gradient": Reversed.apply,
    "norm under no_grad": norm_without_gradient,
}
RIGHT = {
    "detached maximum that cancels": lambda h: (
        h - h.amax(1, keepdim=True).detach()
        - (h - h.amax(1, keepdim=True).detach()).exp().sum(1, keepdim=True).log()
    ),
    "relu": torch.relu,
    "single precision inside": lambda h: h.float().tanh().double(),
    "the largest two": lambda h: h.topk(2, dim=1).values.repeat(1, 2)[:, :3],
    "rounded": lambda h: h.round() + h,
}  # fmt: skip


def problem_with(model, loss=mi.cross_entropy, adaptation=None, scale=1.0):
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    x = scale * torch.randn(3, 4, 4, generator=draw, dtype=torch.float64)
    y = torch.eye(3, dtype=torch.float64)[torch.arange(4) % 3].expand(3, -1, -1)
    problem = mi.Problem(
        model.double(), mi.Tasks(x, y, x + 0.1, y), adaptation or mi.Unrolled(1, 0.1),
        inner_loss=loss, outer_reg=1.0,
    )  # fmt: skip
    problem.lam = problem.own_start()
    return problem


def asked(problem):
    return mi.influence(problem, [mi.task(0)], allow_nonstationary=True, damping=50.0)


@pytest.mark.parametrize("name", WRONG)
def test_a_backward_that_is_no_derivative_is_refused(name):
    """Guards a gradient that is used because it is there: in influence and in training."""
    torch.manual_seed(1)
    problem = problem_with(Function(WRONG[name]))
    with pytest.raises(InvalidProblem, match=r"not (its|the) derivative"):
        asked(problem)
    with pytest.raises(InvalidProblem, match=r"not (its|the) derivative"):
        train(problem, Recipe(rate=0.01, steps=2), progress=False)


@pytest.mark.parametrize("where", ["inner", "outer"])
def test_a_loss_that_hides_a_part_is_refused(where):
    def hiding(outputs, targets):
        return mi.cross_entropy(
            outputs * outputs.detach().square().mean(1, keepdim=True).sqrt(), targets
        )

    problem = problem_with(mlp((4, 3, 3)))
    other = problem.replaced(**{f"{where}_loss": hiding})
    if where == "inner":
        other = other.replaced(outer_loss=mi.cross_entropy)
    with pytest.raises(InvalidProblem, match="derivative"):
        asked(other)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_refused(name):
    """Guards a refusal for kinks, for rounding inside a model, or for a detach that changes nothing."""
    torch.manual_seed(1)
    assert torch.isfinite(asked(problem_with(Function(RIGHT[name]))).value).all()


def test_a_start_on_a_kink_is_not_refused():
    """Biases and inputs at zero put every unit on ReLU's kink, as black pixels do."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
            nn.init.zeros_(self.net[0].bias)

        def forward(self, x):
            return self.net(x)

    assert torch.isfinite(asked(problem_with(Own(), scale=0.0)).value).all()


def test_only_code_of_ones_own_is_differenced():
    """Guards time spent on layers that the scan of operations covers."""
    ours = problem_with(mlp((4, 3, 3)))
    assert not own_code(ours)
    assert not own_code(
        ours.replaced(inner_loss=mi.squared, outer_loss=torch.nn.functional.mse_loss)
    )
    assert own_code(ours.replaced(outer_loss=lambda o, y: mi.cross_entropy(o, y)))
    assert own_code(problem_with(Function(torch.tanh)))
    assert own_code(problem_with(nn.Linear(4, 3), scripted()))
    net = nn.Sequential(nn.Linear(4, 3))
    net[0].register_forward_hook(lambda m, i, o: 2 * o)
    assert own_code(problem_with(net))


def test_it_is_asked_once_at_a_lam(monkeypatch):
    """Guards time spent again, and a second derivative that is hidden at another lam only."""
    calls = []
    import metainfl.derive.preflight as at

    monkeypatch.setattr(at, "check_derivatives", lambda p: calls.append(p))
    problem = problem_with(Function(torch.tanh))
    asked(problem)
    asked(problem)
    there = problem.replaced(lam=problem.lam + 0.1)
    for _ in range(2):
        asked(there)
    assert len(calls) == 2
    asked(problem.replaced(outer_loss=mi.squared))
    assert len(calls) == 3


class Cube(torch.autograd.Function):
    """x^3/6, whose second derivative is hidden where x is large."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3 / 6

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.where(x.abs() > 3, x.detach(), x).square() / 2


def test_a_second_derivative_that_is_hidden_at_another_lam_is_found():
    """Guards a Hessian that was right where it was looked at first."""
    problem = problem_with(Function(Cube.apply), adaptation=mi.NoAdaptation())
    assert torch.isfinite(asked(problem).value).all()
    problem.lam = 60 * problem.lam
    with pytest.raises(InvalidProblem, match="Hessian product is not the derivative"):
        asked(problem)


def test_a_run_asks_once(monkeypatch, tmp_path):
    """Guards a run whose copy of the problem forgets it: every question about targets differenced anew."""
    calls = []
    import metainfl.derive.preflight as at

    monkeypatch.setattr(at, "check_derivatives", lambda p: calls.append(p))
    problem = problem_with(Function(torch.tanh))
    run = train(problem, Recipe(rate=0.01, steps=2), progress=False)
    save(run, tmp_path)
    for _ in range(2):
        run.target_losses(problem.tasks)
        run.target_slopes(problem.tasks)
        run.replay().target_losses(problem.tasks)
    assert len(calls) == 1
    found = load(tmp_path, problem)
    for _ in range(2):
        found.target_losses(problem.tasks)
    assert len(calls) == 2
    edits = problem.lam[None].repeat(2, 1)
    for _ in range(2):
        target_losses(problem, edits, problem.tasks)
    assert len(calls) == 3
