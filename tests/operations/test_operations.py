"""Layers whose third derivative torch gets wrong: the total Hessian against differences of gradients."""

import contextlib
import copy

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl import operations
from metainfl.errors import InvalidProblem, NotDerived
from metainfl.problem.weights import without
from tests.helpers import assert_close, relative

D = torch.float64


class Attention(nn.Module):
    """Self-attention over the rows of an image, by the module or by the function."""

    def __init__(self, whole):
        super().__init__()
        self.whole = nn.MultiheadAttention(8, 2, batch_first=True) if whole else None
        self.into = None if whole else nn.Linear(8, 24)

    def forward(self, x):
        """(n, 8, 8) to the same."""
        if self.whole is not None:
            return self.whole(x, x, x, need_weights=False)[0]
        return nn.functional.scaled_dot_product_attention(*self.into(x).chunk(3, -1))


class Recurrent(nn.Module):
    """The outputs of a recurrent layer over the rows of an image, or of a cell in a loop."""

    def __init__(self, kind):
        super().__init__()
        self.layer = kind(8, 8, batch_first=True) if kind in (nn.GRU, nn.LSTM) else kind(8, 8)

    def forward(self, x):
        """(n, 8, 8) to (n, 8, 8)."""
        if isinstance(self.layer, nn.RNNBase):
            return self.layer(x)[0]
        h, out = None, []
        for row in x.unbind(1):
            h = self.layer(row, h)
            out.append(h[0] if isinstance(h, tuple) else h)
        return torch.stack(out, dim=1)


def convolutional(norm):
    """Two blocks, smooth, so that differences can judge."""
    block = [nn.Conv2d(1, 4, 3, padding=1), norm(), nn.Softplus(), nn.AvgPool2d(2)]
    other = [nn.Conv2d(4, 4, 3, padding=1), norm(), nn.Softplus(), nn.AvgPool2d(4)]
    return nn.Sequential(*block, *other, nn.Flatten(), nn.Linear(4, 2))


def dense(*middle):
    """64 inputs, 4 features, 2 outputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), *middle, nn.Softplus(), nn.Linear(4, 2))


def rows(middle):
    """Over the rows of an image."""
    return nn.Sequential(
        nn.Flatten(1), nn.Unflatten(1, (8, 8)), middle, nn.Flatten(1), nn.Linear(64, 2)
    )


def evaluated():
    """Batch norm with running statistics, which is affine."""
    net = convolutional(lambda: nn.BatchNorm2d(4))
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
    return net.eval()


NETS = {
    "batch norm": lambda: convolutional(lambda: nn.BatchNorm2d(4, track_running_stats=False)),
    "batch norm, plain": lambda: convolutional(
        lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False)
    ),
    "batch norm of vectors": lambda: dense(nn.BatchNorm1d(4, track_running_stats=False)),
    "batch norm, running": evaluated,
    "instance norm": lambda: convolutional(lambda: nn.InstanceNorm2d(4, affine=True)),
    "group norm": lambda: convolutional(lambda: nn.GroupNorm(2, 4)),
    "layer norm": lambda: dense(nn.LayerNorm(4)),
    "weight norm": lambda: dense(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))),
    "weight norm, whole": lambda: dense(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4), dim=None)
    ),
    "attention": lambda: rows(Attention(False)),
    "multi-head attention": lambda: rows(Attention(True)),
    "gru": lambda: rows(Recurrent(nn.GRU)),
    "lstm": lambda: rows(Recurrent(nn.LSTM)),
    "gru cell": lambda: rows(Recurrent(nn.GRUCell)),
    "lstm cell": lambda: rows(Recurrent(nn.LSTMCell)),
    "transformer": lambda: rows(
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
    ),
}
WRONG = ("batch norm", "batch norm of vectors", "instance norm", "layer norm", "weight norm")


def problem_of(net, steps, **options):
    """Three tasks of random images, MAML of so many steps."""
    g = torch.Generator().manual_seed(2)
    eye = torch.eye(2, dtype=D)
    tasks = mi.Tasks(
        torch.randn(3, 4, 1, 8, 8, dtype=D, generator=g),
        eye.repeat(3, 2, 1),
        torch.randn(3, 6, 1, 8, 8, dtype=D, generator=g),
        eye.repeat(3, 3, 1),
    )
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    return mi.Problem(net, tasks, adaptation, inner_loss=mi.cross_entropy, outer_reg=0.1, **options)


def by_differences(net, steps, lam, v):
    """H v from gradients one derivative lower, extrapolated."""
    problem, h = problem_of(net, steps, chunk=1), 2e-4
    ends = [problem.gradient(lam + s * h * v) - problem.gradient(lam - s * h * v) for s in (1, 0.5)]
    return (4 * ends[1] / h - ends[0] / (2 * h)) / 3


def made(name):
    """A network, its parameters and a direction."""
    torch.manual_seed(1)
    net = NETS[name]().to(D)
    lam = mi.FromModule(net).current()
    return net, lam, torch.randn_like(lam)


@pytest.mark.parametrize("name", NETS)
def test_products_are_derivatives_of_the_gradient(name):
    """Without adaptation and through two steps, in both orders, one task at a time and batched.

    Differences with h = 2e-4 err by about h^4 and eps/h, 1e-9 and 1e-12, times higher derivatives.
    """
    net, lam, v = made(name)
    for steps in (0, 2):
        want = by_differences(net, steps, lam, v)
        for mode in ("forward", "reverse"):
            for chunk in (1, 3):
                problem = problem_of(net, steps, product=mode, chunk=chunk)
                assert_close(problem.hessian_product(lam, v), want, 1e-6)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", WRONG)
def test_torch_alone_would_be_wrong(name, monkeypatch):
    """Without the formulas of this project the same comparison fails by more than a per cent, in one
    order of differentiation at least, or torch refuses.
    """
    net, lam, v = made(name)
    want = by_differences(net, 2, lam, v)
    monkeypatch.setattr(operations, "INSTEAD", {})
    errors = []
    for order in ("forward", "reverse"):
        with contextlib.suppress(NotDerived):  # torch refuses, and is named
            found = problem_of(net, 2, product=order, chunk=3).hessian_product(lam, v)
            errors.append(relative(found, want))
    if len(errors) == 2 and max(errors) < 1e-6:
        pytest.skip(f"torch {torch.__version__} has mended {name}")
    assert not errors or max(errors) > 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NETS)
def test_a_gpu_gives_the_same_products(name):
    net, lam, v = made(name)
    want = problem_of(net, 2).hessian_product(lam, v)
    problem = problem_of(copy.deepcopy(net).to("cuda"), 2)
    there = problem.replaced(tasks=problem.tasks.to("cuda"))
    for product in ("forward", "reverse"):
        moved = there.replaced(product=product)
        assert_close(moved.hessian_product(lam.to("cuda"), v.to("cuda")).cpu(), want, 1e-9)


@pytest.mark.parametrize("name", NETS)
def test_outputs_are_those_of_torch(name):
    net, lam, _ = made(name)
    x = torch.randn(5, 1, 8, 8, dtype=D)
    assert_close(mi.FromModule(net)(lam, x).detach(), net(x).detach(), 1e-12)


def test_instance_norm_with_running_statistics():
    layer = nn.InstanceNorm2d(4, affine=True, track_running_stats=True).to(D).eval()
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.5, 2)
    x = torch.randn(3, 4, 5, 5, dtype=D)
    model = mi.FromModule(layer)
    assert_close(model(model.current(), x).detach(), layer(x).detach(), 1e-12)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.BatchNorm1d(4, track_running_stats=False), (1, 4)),
        (nn.BatchNorm2d(4, track_running_stats=False), (1, 4, 1, 1)),
        (nn.InstanceNorm2d(4, affine=True), (3, 4, 1, 1)),
    ],
)
def test_statistics_of_one_value_are_refused(layer, shape):
    """As torch refuses them: the output would be the bias, whatever the input."""
    x = torch.randn(shape)
    with pytest.raises(ValueError):
        layer(x)
    model = mi.FromModule(layer)
    with pytest.raises(InvalidProblem, match="one value a channel"):
        model(model.current(), x)


def test_a_model_that_is_a_function_is_guarded_too():
    """The `Model` protocol: no module, the same care."""

    class Normalising:
        n_params = 64 * 4 + 4 * 2

        def __call__(self, theta, x):
            """(n, 2)."""
            first, second = theta[:256].reshape(64, 4), theta[256:].reshape(4, 2)
            y = nn.functional.layer_norm(x.flatten(1) @ first, (4,))
            return torch.tanh(y) @ second

    torch.manual_seed(0)
    lam, v = torch.randn(2, 264, dtype=D)
    want = by_differences(Normalising(), 2, lam, v)
    for mode in ("forward", "reverse"):
        problem = problem_of(Normalising(), 2, product=mode)
        assert_close(problem.hessian_product(lam, v), want, 1e-6)
        again = problem.replaced(outer_reg=0.1)
        assert again.setting.model is problem.setting.model  # guarded once


def test_a_compiled_module_is_taken_as_it_was():
    net, lam, v = made("layer norm")
    want = problem_of(net, 2).hessian_product(lam, v)
    compiled = torch.compile(net, backend="eager")
    assert_close(problem_of(compiled, 2).hessian_product(lam, v), want, 1e-14)


def test_weights_do_not_reach_batch_statistics():
    """Padding or removing an instance by its weight would leave it in the mean: refused by name."""
    net = NETS["batch norm of vectors"]().to(D)
    problem = problem_of(net, 1, lam=mi.FromModule(net).current())
    with pytest.raises(
        InvalidProblem, match="layer '2' normalises with the statistics of its batch"
    ):
        problem.replaced(tasks=without(problem.tasks, mi.query(0, 1)))
    assert problem.replaced(tasks=without(problem.tasks, mi.task(0))).tasks.w[0] == 0
    for name in ("batch norm, running", "instance norm", "layer norm"):
        other = problem_of(NETS[name]().to(D), 1)
        other.replaced(tasks=without(other.tasks, mi.query(0, 1)))


class Fused(nn.Module):
    """Calls torch's fused operations by their own names."""

    def __init__(self, name):
        super().__init__()
        self.name, self.scale = name, nn.Parameter(torch.ones(2))

    def forward(self, x):
        """(n, 2)."""
        x = x.flatten(1)[:, :2] * self.scale
        if self.name == "running":
            zero, one = torch.zeros(2, dtype=D), torch.ones(2, dtype=D)
            return nn.functional.batch_norm(x, zero, one, training=True)
        if self.name == "native_batch_norm":
            return torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[0]
        if self.name == "native_layer_norm":
            return torch.native_layer_norm(x, (2,), None, None, 1e-5)[0]
        return torch.layer_norm(x, (2,))


@pytest.mark.parametrize("name", ["native_batch_norm", "native_layer_norm", "layer_norm"])
def test_what_cannot_be_replaced_is_refused(name):
    problem = problem_of(Fused(name).to(D), 1)
    with pytest.raises(InvalidProblem, match=f"{name}.*silently wrong"):
        problem.gradient(torch.ones(2, dtype=D))


def test_running_statistics_are_refused_in_functions_too():
    with pytest.raises(InvalidProblem, match="running statistics"):
        problem_of(Fused("running").to(D), 1).gradient(torch.ones(2, dtype=D))
