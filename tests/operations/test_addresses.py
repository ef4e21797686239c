"""Operations called by their addresses, as exported modules call them, are the functions they stand for."""

import pytest
import torch
from torch import nn

import metainfl as mi

D = torch.float64
aten = torch.ops.aten


class Net(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.one, self.two, self.f = nn.Linear(3, 4), nn.Linear(4, 2), f

    def forward(self, x):
        return self.two(self.f(self.one(x)).tanh())


def problem(f):
    torch.manual_seed(0)
    net = Net(f).double()
    x, y = torch.randn(2, 4, 3, dtype=D), torch.randn(2, 4, 2, dtype=D)
    lam = torch.cat([p.detach().reshape(-1) for p in net.parameters()])
    return mi.Problem(net, mi.Tasks(x, y, x, y), mi.Unrolled(1, 0.1), outer_reg=1.0, lam=lam)


@pytest.mark.parametrize("called", [aten.layer_norm.default, aten.layer_norm])
def test_what_is_refused_by_name_is_by_address(called):
    """Guards derivatives that are wrong by the address, in modules that torch.export made, say."""
    p = problem(lambda x: called(x, [4]))
    with pytest.raises(mi.InvalidProblem, match=r"torch\.layer_norm"):
        p.gradient(p.lam)


@pytest.mark.parametrize("called", [aten.cdist.default, aten.cdist])
def test_what_is_written_out_by_name_is_by_address(called):
    """Guards the batched products of distances, which torch gets wrong."""
    by_address, by_name = (
        problem(lambda x: called(x, x + 1, 2.0)),
        problem(lambda x: torch.cdist(x, x + 1)),
    )
    torch.testing.assert_close(by_address.hessian(by_name.lam), by_name.hessian(by_name.lam))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: aten.uniform_(x.clone()),
        lambda x: aten.bernoulli_(x.clone(), 0.5),
        lambda x: torch.linalg.eigvals(x.T @ x).real.sum() * x,
        lambda x: aten.linalg_eigvals(x.T @ x).real.sum() * x,
    ],
)
def test_what_stands_elsewhere_than_in_torch_is_refused_by_its_address(f):
    """Guards draws in place, and what is keyed by torch.linalg or torch.Tensor."""
    p = problem(f)
    with pytest.raises(mi.InvalidProblem):
        p.gradient(p.lam)


def test_a_draw_by_its_address_is_a_draw():
    """Guards random numbers that no name gives away."""
    p = problem(lambda x: x + aten.randn_like(x))
    with pytest.raises(mi.InvalidProblem, match="random"):
        p.objective(p.lam)


@pytest.mark.parametrize(
    "register", ["register_full_backward_hook", "register_full_backward_pre_hook"]
)
def test_a_backward_hook_is_named(register):
    """Guards torch's words on autograd functions, where a hook that it makes one of is meant."""
    net = nn.Sequential(nn.Linear(3, 2))
    getattr(net[0], register)(lambda *given: None)
    with pytest.raises(mi.InvalidProblem, match=r"layer '0' has a backward hook.*remove"):
        mi.FromModule(net)
