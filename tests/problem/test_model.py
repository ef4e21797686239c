"""Modules at the border: copied, their outputs chosen, what cannot be differentiated refused by name."""

import threading
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

import metainfl as mi
from metainfl.derive.differences import check_derivatives
from metainfl.errors import InvalidProblem
from tests.helpers import assert_close

D = torch.float64


class Scaled(nn.Module):
    """A linear layer between a frozen parameter, a buffer, an attribute and a mode."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("shift", torch.ones(2))
        self.factor, self.drop = 2.0, nn.Dropout(0.5)
        self.double().eval()

    def forward(self, x):
        """(n, 2)."""
        return self.drop(self.linear(x) * self.frozen + self.shift) * self.factor


CHANGES = {
    "parameter": lambda m: m.linear.weight.data.add_(1.0),
    "frozen parameter": lambda m: m.frozen.add_(1.0),
    "buffer": lambda m: m.shift.mul_(3.0),
    "attribute": lambda m: setattr(m, "factor", 5.0),
    "mode": lambda m: m.train(),
    "precision": lambda m: m.float(),
    "what is trained": lambda m: m.linear.requires_grad_(False),
    "layer": lambda m: setattr(m, "linear", nn.Linear(3, 2).double()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_later_changes_of_the_module_change_nothing(name):
    """Guards state that is remembered by identity while its owner goes on changing it."""
    net, x = Scaled(), torch.randn(4, 3, dtype=D)
    model = mi.FromModule(net)
    lam, before = model.current(), model(model.current(), x)
    CHANGES[name](net)
    assert torch.equal(model.current(), lam)
    assert torch.equal(model(lam, x), before)


def test_running_a_model_leaves_the_users_module_alone():
    net = Scaled()
    net.linear.weight.grad = torch.ones_like(net.linear.weight)
    kept = {k: v.clone() for k, v in net.state_dict().items()}
    model = mi.FromModule(net)
    model(model.current() + 1, torch.ones(4, 3, dtype=D))
    assert all(torch.equal(v, kept[k]) for k, v in net.state_dict().items())
    assert net.linear.weight.grad is not None and model.module.linear.weight.grad is None


@pytest.mark.filterwarnings("ignore")
def test_tensors_that_were_computed_are_copied_too():
    """deepcopy refuses tensors with a graph, which old weight norm leaves on the module."""
    torch.manual_seed(0)
    net = nn.utils.weight_norm(nn.Linear(3, 2).double())
    x = torch.randn(4, 3, dtype=D)
    want = net(x)
    model = mi.FromModule(net)
    assert_close(model(model.current(), x).detach(), want.detach(), 1e-14)


def test_what_cannot_be_copied_is_named():
    net = nn.Linear(3, 2)
    net.lock = threading.Lock()
    with pytest.raises(InvalidProblem, match=r"cannot be copied.*lock"):
        mi.FromModule(net)


@dataclass
class Parts:
    """As libraries return them."""

    logits: torch.Tensor
    hidden: torch.Tensor


class Returns(nn.Module):
    """A linear layer whose output is wrapped."""

    def __init__(self, wrap):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.wrap = nn.Linear(3, 2).double(), wrap

    def forward(self, x):
        """Wrapped (n, 2) and the input."""
        return self.wrap(self.linear(x), x)


WRAPPED = {
    "tuple": (lambda y, x: (y, x), 0, r"a tuple of \(4, 2\), \(4, 3\)"),
    "list, last": (lambda y, x: [x, y], -1, "a list"),
    "dict": (lambda y, x: {"logits": y, "x": x}, "logits", "a dict with keys 'logits', 'x'"),
    "dataclass": (Parts, "logits", "a Parts with attributes logits, hidden"),
    "function": (lambda y, x: ((x, (y,)),), lambda out: out[0][1][0], "a tuple"),
    "one in a tuple": (lambda y, x: (y,), 0, "a tuple"),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_output_is_chosen(name):
    wrap, output, said = WRAPPED[name]
    net, x = Returns(wrap), torch.randn(4, 3, dtype=D)
    model = mi.FromModule(net, output=output)
    assert torch.equal(model(model.current(), x), net.linear(x))
    plain = mi.FromModule(net)
    with pytest.raises(InvalidProblem, match=f"returned {said}.*output="):
        plain(plain.current(), x)


@pytest.mark.parametrize("output", [2, "logits", lambda out: out[0], lambda out: out["x"]])
def test_an_output_that_is_nowhere(output):
    net = Returns(lambda y, x: ((y, y), x))
    model = mi.FromModule(net, output=output)
    with pytest.raises(InvalidProblem, match=r"nowhere|must return one tensor"):
        model(model.current(), torch.ones(4, 3, dtype=D))


def test_a_function_that_returns_a_tuple():
    class Pair:
        n_params = 2

        def __call__(self, theta, x):
            """(n, 1) twice."""
            return (x * theta).sum(1, keepdim=True), x

    x = torch.ones(2, 3, 2, dtype=D)
    problem = mi.Problem(Pair(), mi.Tasks(x, x, x, x), mi.NoAdaptation(), outer_reg=1.0)
    with pytest.raises(InvalidProblem, match="a tuple of"):
        problem.gradient(torch.ones(2, dtype=D))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_named(dtype):
    with pytest.raises(InvalidProblem, match=r"'weight' is torch.*float16.*float()"):
        mi.FromModule(nn.Linear(3, 2, dtype=dtype))
    x = torch.ones(2, 3, 3)
    with pytest.raises(mi.InvalidTasks, match=r"query_x is torch.*float16.*float()"):
        mi.Tasks(x, x, x.to(dtype), x)


def test_lazy_modules_are_named():
    with pytest.raises(InvalidProblem, match="call the module once first"):
        mi.FromModule(nn.LazyLinear(2))


class Words(nn.Module):
    """Embedded words, summed with their positions' weights; inputs are indices as numbers."""

    def __init__(self, tied=False, **options):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(5, 3, **options)
        self.out = nn.Linear(3, 5 if tied else 2)
        if tied:
            self.out.weight = self.embed.weight
        self.double()
        with torch.no_grad():
            self.embed.weight[0] = torch.tensor([1.0, -2.0, 0.5])

    def forward(self, x):
        """(n, outputs)."""
        return self.out(torch.tanh(self.embed(x.long()).sum(1)))


def words(net, steps=1, **options):
    """Two tasks of four sentences of three words, the padding word 0 among them."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 5, (2, 4, 3), generator=g).to(D)
    x[:, 0] = 0.0
    y = torch.randn(2, 4, net.out.out_features, dtype=D, generator=g)
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    lam = mi.FromModule(net).current()
    return mi.Problem(net, mi.Tasks(x, y, x, y), adaptation, outer_reg=0.1, lam=lam, **options)


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("chunk", [1, 2])
def test_a_padding_row_is_a_constant(chunk, order):
    """As torch trains it: no gradient, and then F must not read lam there either."""
    problem = words(Words(padding_idx=0), product=order, chunk=chunk)
    assert check_derivatives(problem).worst < 1e-6
    row, lam = slice(0, 3), problem.lam
    assert torch.equal(problem.gradient(lam)[row], 0.1 * lam[row])  # of the regulariser alone
    assert_close(problem.hessian(lam)[row], 0.1 * torch.eye(len(lam), dtype=D)[row], 1e-14)
    moved = lam.clone()
    moved[row] += 1.0
    assert torch.equal(problem.losses(moved), problem.losses(lam))


def test_torch_gives_the_same_gradient():
    """One task, no adaptation: our gradient is torch's own, row by row."""
    net = Words(padding_idx=0)
    problem = words(net, steps=0).replaced(outer_reg=0.0)
    view = problem.tasks.view()
    loss = sum(
        0.5 * (net(x) - y).square().sum() for x, y in zip(view.query_x, view.query_y, strict=True)
    )
    want = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(net.parameters()))])
    assert_close(problem.gradient(problem.lam), want, 1e-12)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_norm": 1.0}, "max_norm=1.0 changes its own weight"),
        ({"scale_grad_by_freq": True}, "scale_grad_by_freq divides gradients"),
        ({"padding_idx": 0, "tied": True}, "'out.weight'.* reads the same weight"),
    ],
)
def test_gradients_that_no_objective_has_are_refused(options, message):
    with pytest.raises(InvalidProblem, match=message):
        problem = words(Words(**options))
        problem.gradient(problem.lam)


def test_a_sparse_gradient_is_the_same_derivative():
    want = words(Words())
    found = words(Words(sparse=True))
    assert_close(found.hessian(want.lam), want.hessian(want.lam), 1e-12)


def test_padding_by_function_is_refused():
    class Calls(Words):
        def forward(self, x):
            """(n, 2)."""
            return self.out(nn.functional.embedding(x.long(), self.embed.weight, 0).sum(1))

    problem = words(Calls())
    with pytest.raises(InvalidProblem, match=r"F.embedding.padding_idx=0"):
        problem.gradient(problem.lam)


@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, spectral_norm])
def test_spectral_norm_in_training_mode(norm):
    """Guards a minimiser that finds no descent: every forward pass moved the vectors of the norm."""
    net = norm(nn.Linear(3, 2).double())
    with pytest.raises(mi.InvalidProblem, match=r"spectral norm of layer .* call \.eval\(\)"):
        mi.FromModule(net)
    model = mi.FromModule(net.eval())
    assert model(model.current(), torch.ones(4, 3, dtype=torch.float64)).shape == (4, 2)


def test_signs_that_torch_rounds_are_refused():
    """Guards a gradient of 0 along numbers of which torch takes the whole part: outputs jump with them."""
    made = nn.utils.parametrizations.orthogonal
    with pytest.raises(InvalidProblem, match="layer '1' is orthogonal by Householder reflections"):
        mi.FromModule(nn.Sequential(nn.Tanh(), made(nn.Linear(3, 4))))
    fixed = made(nn.Linear(3, 4), orthogonal_map="householder")
    fixed.parametrizations.weight.original.requires_grad_(False)
    ways = [made(nn.Linear(3, 4), orthogonal_map=way) for way in ("matrix_exp", "cayley")]
    for kept in (fixed, made(nn.Linear(3, 3)), *ways):
        assert mi.FromModule(kept).n_params > 0
