"""What hides nothing of lam may hide a part of inputs or support weights: refused where those are asked."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.training import Recipe, train
from metainfl.training.networks import mlp

D = torch.float64


class Function(nn.Module):
    """f(linear layer, x)."""

    def __init__(self, f):
        super().__init__()
        torch.manual_seed(0)
        self.f, self.layer = f, nn.Linear(4, 3).double()

    def forward(self, x):
        return self.f(self.layer, x)


def centred(layer, x):
    with torch.no_grad():
        mean = x.mean(1, keepdim=True)
    return layer(x - mean)


def scaled_by_a_number(layer, x):
    return layer(x) * x.detach().norm(dim=1, keepdim=True)


class Product(torch.autograd.Function):
    """x w, its first derivatives right, the one in w without a derivative in x."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, w):
        return x @ w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w.T, x.detach().T @ g


HIDDEN = {
    "a mean under no_grad": centred,
    "a detached norm": scaled_by_a_number,
    "an input in a derivative": lambda layer, x: Product.apply(x, layer.weight.T) + layer.bias,
}
SEEN = {
    "relu of inputs": lambda layer, x: layer(x.relu()).relu(),
    "single precision": lambda layer, x: layer(x.float().double()).tanh(),
    "rounded": lambda layer, x: layer(x.round() + x),
    "tokens": lambda layer, x: layer(torch.eye(4, dtype=D)[x[:, 0].abs().long().clamp(max=3)]),
}


def problem_of(net, adaptation=None):
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 4, n, generator=draw, dtype=D) for n in (4, 3))
    problem = mi.Problem(
        net, mi.Tasks(x, y, x + 0.1, y), adaptation or mi.Unrolled(1, 0.05), outer_reg=1.0
    )
    problem.lam = problem.own_start()
    return problem


AWAY = {"allow_nonstationary": True, "damping": 50.0}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("side", ["support", "query"])
def test_an_input_that_is_hidden_is_refused_where_it_is_asked_about(name, side):
    """Guards derivatives in inputs that lack a part, or are 0, though all in parameters are right."""
    problem = problem_of(Function(HIDDEN[name]))
    assert torch.isfinite(mi.influence(problem, [mi.task(0), mi.support(0, 0)], **AWAY).value).all()
    shift = [mi.shift(side, 1, 0, 0)]
    with pytest.raises(mi.InvalidProblem, match=f"task 1 changes with its {side} inputs"):
        mi.influence(problem, shift, **AWAY)
    with pytest.raises(mi.InvalidProblem, match=f"changes with its {side} inputs"):
        mi.scores(problem, shift, problem.tasks, **AWAY)


@pytest.mark.parametrize("name", SEEN)
def test_what_is_right_is_not_refused(name):
    problem = problem_of(Function(SEEN[name]))
    shifts = [mi.shift("support", 0, 0, 0), mi.shift("query", 1, 2, 1)]
    assert torch.isfinite(mi.influence(problem, shifts, **AWAY).value).all()


def test_the_derivative_of_a_run_in_a_hidden_input_is_refused():
    problem = problem_of(Function(centred))
    run = train(problem, Recipe(rate=0.01, steps=2), progress=False)
    assert torch.isfinite(run.scores(problem.tasks, [mi.task(0)]).value).all()
    with pytest.raises(mi.InvalidProblem, match="changes with its query inputs"):
        run.scores(problem.tasks, [mi.shift("query", 0, 0, 0)])


class ByNumbers(mi.Unrolled):
    """Support weights are read, and count, but as numbers."""

    def adapt(self, s, lam, task, state):
        task = task._replace(support_weight=task.support_weight.detach())
        return super().adapt(s, lam, task, state)


def test_an_adaptation_that_reads_its_weights_as_numbers_is_refused():
    """Guards a derivative of 0 in weights that leave an instance of weight 0 out."""
    problem = problem_of(mlp((4, 3)).double(), ByNumbers(1, 0.05))
    assert torch.isfinite(mi.influence(problem, [mi.task(0), mi.query(0, 0)], **AWAY).value).all()
    with pytest.raises(mi.InvalidProblem, match="changes with its support weights"):
        mi.influence(problem, [mi.support(0, 0)], **AWAY)


def test_it_is_looked_at_once(monkeypatch):
    import metainfl.derive.beside_lam as at

    calls, own = [], at._errors
    monkeypatch.setattr(at, "_errors", lambda *given: calls.append(1) or own(*given))
    problem = problem_of(Function(SEEN["rounded"]))
    for _ in range(2):
        mi.influence(problem, [mi.shift("query", 0, 0, 0)], **AWAY)
    assert len(calls) == 1
    mi.influence(problem_of(mlp((4, 3)).double()), [mi.shift("query", 0, 0, 0)], **AWAY)
    assert len(calls) == 1
