"""A minimiser looks at the gradient that it follows: a zero of one that is no derivative is no minimum."""

import pytest
import torch
from torch import nn

import metainfl as mi

D = torch.float64


class Half(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return 0.5 * g


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.one, self.two, self.hidden = nn.Linear(3, 2), nn.Linear(3, 2), hidden

    def forward(self, x):
        return self.one(x) + self.hidden(self.two(x).tanh())


def problem(hidden, **changes):
    torch.manual_seed(0)
    x, y = torch.randn(3, 4, 3, dtype=D), torch.randn(3, 4, 2, dtype=D)
    net = Net(hidden).double()
    adaptation = mi.Unrolled(1, 0.05)
    return mi.Problem(net, mi.Tasks(x, y, x, y), adaptation, **{"outer_reg": 1.0, **changes})


@pytest.mark.parametrize("way", ["dense", "trust-region"])
@pytest.mark.parametrize("hidden", [torch.Tensor.detach, Half.apply])
def test_a_gradient_that_is_no_derivative_is_not_followed(hidden, way):
    """Guards a "local minimum, to rounding" that is none, and minutes on the way to none."""
    p = problem(hidden)
    with pytest.raises(mi.InvalidProblem, match="not its derivative"):
        p.solve(way=way, progress=False)
    assert p.minimisation is None


def test_a_start_on_a_kink_is_no_fault():
    """Guards refusals of networks with kinks, and of starts at zero, where many kinks meet."""
    p = problem(torch.relu, outer_reg=30.0)
    p.solve(torch.zeros(p.n_meta, dtype=D), progress=False)
    assert p.minimisation.converged
    assert p.replaced(outer_reg=31.0).start_looked_at  # once for all that share its code
    assert not p.replaced(inner_loss=lambda o, y: (o - y).square().sum(1)).start_looked_at
