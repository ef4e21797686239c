"""The head of a network: the model's own outputs, or a refusal that names the layer."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.methods.features import feature_tasks, features, head
from tests.helpers import assert_close


class Net(nn.Module):
    """Body and head of three, in a chosen order of registration, ended in a chosen manner."""

    def __init__(self, end, backwards=False):
        super().__init__()
        layers = {"body": nn.Linear(3, 3), "out": nn.Linear(3, 3)}
        for name in reversed(layers) if backwards else layers:
            setattr(self, name, layers[name])
        self.end = end

    def forward(self, x):
        h = torch.tanh(self.body(x))
        return self.end(h, self.out(h))


def plain(h, out):
    return out


ENDS = {
    "softplus": lambda h, out: nn.functional.softplus(out),
    "residual": lambda h, out: h + out,
    "doubled": lambda h, out: 2 * out,
    "relu": lambda h, out: torch.relu(out),
}


def problem_of(net, reg=0.5):
    draw = torch.Generator().manual_seed(0)
    net = net.double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=draw, dtype=torch.float64)
    x = torch.randn(2, 4, 3, generator=draw, dtype=torch.float64)
    y = torch.eye(3, dtype=torch.float64)[torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0]])]
    lam = mi.FromModule(net).current()
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    return mi.Problem(
        net, tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=reg, lam=lam
    )


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("zero", [False, True])
def test_a_last_layer_that_is_not_the_outputs_is_refused(end, zero):
    """Guards a head problem whose outputs are not the model's: also where the head's weights are 0, or its
    outputs of one sign, so that here and now nothing of the rest is seen."""
    problem = problem_of(Net(ENDS[end]))
    if zero:
        own = problem.setting.model.to_dict(problem.lam)
        own = {n: t * (0.0 if n.startswith("out") else 1.0) for n, t in own.items()}
        problem = problem.replaced(lam=problem.setting.model.to_flat(own))
    for call in (head, lambda p: features(p, p.tasks.query_x[0])):
        with pytest.raises(mi.InvalidProblem, match=r"'out'.*outputs"):
            call(problem)


def test_a_body_that_reads_the_head_s_weights_is_refused():
    """Guards features that move with the head, though at these weights the outputs are right."""

    class Shared(Net):
        def forward(self, x):
            h = torch.tanh(x @ self.out.weight)
            return self.out(h)

    with pytest.raises(mi.InvalidProblem, match=r"'out'.*outputs"):
        head(problem_of(Shared(plain)))


@pytest.mark.parametrize("reg", [0.5, "each"])
def test_the_head_is_what_the_forward_pass_uses_last(reg):
    """Guards the order of registration taken for the order of use: the body has the size of the head."""
    net = Net(plain, backwards=True)
    size = mi.FromModule(net).n_params
    by_weight = torch.arange(1.0, size + 1, dtype=torch.float64)
    problem = problem_of(net, by_weight if reg == "each" else reg)
    own = head(problem)
    x = problem.tasks.query_x
    for k in range(2):
        got = own.setting.model(own.lam, own.tasks.query_x[k])
        assert_close(got, net(x[k]).detach(), 1e-14)
    assert torch.equal(own.tasks.query_x, feature_tasks(problem, problem.tasks).query_x)
    if reg == "each":  # `out` is registered first: weight 1..9 by row of outputs, bias 10..12
        want = torch.cat([by_weight[:9].reshape(3, 3).T.reshape(-1), by_weight[9:12]])
        assert torch.equal(own.outer_reg, want)


@pytest.mark.parametrize("frozen", [("weight",), ("bias",), ("weight", "bias")])
def test_a_frozen_head_is_named(frozen):
    """Guards a KeyError, and the body taken for the head, where lam holds the head in part or not at all."""
    net = Net(plain)
    for name in frozen:
        getattr(net.out, name).requires_grad_(False)
    with pytest.raises(mi.InvalidProblem, match=rf"'out'.*{frozen[0]}.*requires_grad_"):
        head(problem_of(net))


def test_other_last_layers_are_named():
    """Guards the words for a last layer that is no Linear, is applied by hand, or is not there at all."""

    class ByHand(Net):
        def forward(self, x):
            return nn.functional.linear(torch.tanh(self.body(x)), self.out.weight, self.out.bias)

    class Deaf(Net):
        def forward(self, x):
            return x * 1.0

    with pytest.raises(mi.InvalidProblem, match="'1', is LayerNorm"):
        head(problem_of(nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))))
    with pytest.raises(mi.InvalidProblem, match=r"'out'.*once"):
        head(problem_of(ByHand(plain)))
    with pytest.raises(mi.InvalidProblem, match="no parameter"):
        head(problem_of(Deaf(plain)))


@pytest.mark.parametrize("bias", [True, False])
def test_a_module_that_is_one_layer_is_its_own_head(bias):
    """Guards names of a layer that has none, and a bias that is not there."""
    problem = problem_of(nn.Linear(3, 3, bias=bias))
    own = head(problem)
    want = problem.setting.model(problem.lam, problem.tasks.query_x[1])
    assert_close(own.setting.model(own.lam, own.tasks.query_x[1]), want, 1e-14)
