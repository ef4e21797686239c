"""Derivatives held against differences on a user's own model: gradient, one product, many, a kept graph.

Guards the kind of fault that no list of operations can: a backward that is no derivative, a rule of torch
that is wrong only in the way in which numbers are computed.
"""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl import operations
from metainfl.advice.advise import advise
from metainfl.derive.differences import check_derivatives, derivative_errors
from metainfl.errors import InvalidProblem
from tests.operations.nets import NETS, problem_of

D = torch.float64


class Reversed(torch.autograd.Function):
    """Gradient reversal: the identity, with a backward that is no derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return -g

    @staticmethod
    def jvp(ctx, t):
        return -t


class StraightThrough(torch.autograd.Function):
    """A sigmoid, whose backward says it is the identity."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.sigmoid()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return g

    @staticmethod
    def jvp(ctx, t):
        return t


class Cube(torch.autograd.Function):
    """x^3 with an honest backward whose own derivative is lost: the second derivative is wrong."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.x = inputs[0]

    @staticmethod
    def backward(ctx, g):
        return 3 * ctx.x.detach() ** 2 * g


class Doubled(torch.autograd.Function):
    """tanh whose batched backward is twice the right one: wrong under vmap only, as cdist is in torch."""

    @staticmethod
    def forward(x):
        return x.tanh()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return Backwards.apply(g) * (1 - y * y)


class Backwards(torch.autograd.Function):
    """The identity; 2 x where it is batched."""

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return Backwards.apply(g)

    @staticmethod
    def vmap(info, dims, x):
        return 2 * x, dims[0]


def with_hook(x):
    """A hook that scales gradients."""
    if x.requires_grad:
        x.register_hook(lambda g: 0.5 * g)
    return x


def without_gradient(x):
    """Half of the output hidden from differentiation."""
    with torch.no_grad():
        half = 0.5 * x
    return half + 0.5 * x


class Network(nn.Module):
    """A linear layer, an operation, tanh."""

    def __init__(self, operation):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.operation = nn.Linear(3, 2).double(), operation

    def forward(self, x):
        """(n, 2)."""
        return torch.tanh(self.operation(self.linear(x)))


def problem_with(operation, **options):
    """Three tasks of noise, one MAML step."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 3, dtype=D, generator=g)
    net = Network(operation)
    steps = options.pop("steps", 1)
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    options = {"outer_reg": 0.1, "lam": mi.FromModule(net).current(), **options}
    return mi.Problem(net, mi.Tasks(x, x[..., :2], x, x[..., :2]), adaptation, **options)


HONEST = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "rounded": lambda x: x + x.round(),
    "clone": torch.clone,
}
DISHONEST = {
    "gradient reversal": Reversed.apply,
    "straight through": StraightThrough.apply,
    "detached half": lambda x: 0.5 * x + 0.5 * x.detach(),
    "no_grad": without_gradient,
}


@pytest.mark.parametrize("chunk", [1, 8])
@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("name", HONEST)
def test_honest_layers_pass(name, order, chunk):
    """To eps^(2/3) times the condition of a small smooth network, kinks and steps included."""
    errors = check_derivatives(problem_with(HONEST[name], product=order, chunk=chunk))
    assert errors.worst < 1e-6
    assert (errors.kept == errors.kept) == (order == "reverse")
    assert "agree with differences" in str(errors)


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("name", DISHONEST)
def test_a_backward_that_is_no_derivative_is_named(name, steps):
    with pytest.raises(InvalidProblem, match=r"the gradient of F is not its derivative.*detach"):
        check_derivatives(problem_with(DISHONEST[name], steps=steps))


def test_a_hook_that_changes_gradients_is_named():
    """Hooks do not run within torch.func: with one, gradients of different routes would differ."""
    errors = derivative_errors(problem_with(with_hook, steps=0, product="reverse", chunk=1))
    assert errors.wrong == "gradient"


def test_a_wrong_second_derivative_is_named():
    problem = problem_with(Cube.apply, steps=0, product="reverse")
    assert derivative_errors(problem).wrong == "single"
    with pytest.raises(InvalidProblem, match="a Hessian product is not the derivative"):
        check_derivatives(problem)


def test_a_wrong_batching_rule_is_named():
    """One product is right, many at once are not: the way in which numbers are computed is what counts."""
    problem = problem_with(Doubled.apply, steps=0, product="reverse", chunk=1)
    errors = derivative_errors(problem)
    assert errors.gradient < 1e-6 and errors.single < 1e-6
    assert errors.batched > 1e-2 and errors.wrong == "batched"
    with pytest.raises(InvalidProblem, match="wrong batching rule"):
        check_derivatives(problem)


def test_the_check_costs_a_few_gradients(monkeypatch):
    """On a smooth model one h is enough: three directions, two gradients each, and little else."""
    problem = problem_with(torch.tanh, product="reverse")
    count = 0
    whole = mi.Problem.gradient

    def counted(*arguments):
        nonlocal count
        count += 1
        return whole(*arguments)

    monkeypatch.setattr(mi.Problem, "gradient", counted)
    check_derivatives(problem)
    assert count <= 1 + 3 * 2 * 3


def test_an_objective_without_curvature_passes():
    """Zero products agree with zero differences."""

    class Affine:
        n_params = 3

        def __call__(self, theta, x):
            """(n, 1)."""
            return (x @ theta)[:, None]

    x = torch.ones(2, 3, 3, dtype=D)
    problem = mi.Problem(
        Affine(),
        mi.Tasks(x, x[..., :1], x, x[..., :1]),
        mi.NoAdaptation(),
        inner_loss=lambda outputs, targets: outputs.sum(1),
        outer_reg=0.0,
        lam=torch.ones(3, dtype=D),
    )
    assert check_derivatives(problem).worst < 1e-6


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_a_wrong_product_is_seen_by_advice(monkeypatch):
    """What guards operations that nobody has listed."""
    torch.manual_seed(1)
    net = NETS["layer norm"]().to(D)
    lam = mi.FromModule(net).current()
    problem = problem_of(net, 2, lam=lam, product="reverse")
    assert derivative_errors(problem).worst < 1e-6
    assert "agree with differences" in str(advise(problem))
    monkeypatch.setattr(operations, "INSTEAD", {})
    wrong = problem_of(net, 2, lam=lam, product="reverse")
    errors = derivative_errors(wrong)
    if errors.worst < 1e-6:
        pytest.skip(f"torch {torch.__version__} has mended layer norm")
    assert errors.wrong == "gradient" and errors.single > 1e-2  # of F through two steps
    assert "the gradient of F is not its derivative" in str(advise(wrong))


def test_the_precision_that_the_model_allows():
    """A float32 constant in a loss keeps the check in float32; it still passes, to less."""
    net = NETS["layer norm"]().float()
    metric = torch.tensor([[1.0, 0.5], [0.0, 2.0]])

    def loss(outputs, targets):
        return ((outputs - targets) @ metric).square().sum(1)

    problem = problem_of(net, 1, product="reverse")
    problem = problem.replaced(tasks=problem.tasks.to(dtype=torch.float32), inner_loss=loss)
    problem.lam = mi.FromModule(net).current()
    assert problem.lam.dtype == torch.float32
    assert 1e-8 < derivative_errors(problem).worst < 1e-2
