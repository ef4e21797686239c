"""Models that draw random numbers are refused by name, batched or not; dropout that is off is not."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import metainfl as mi
from metainfl.errors import InvalidProblem
from tests.helpers import assert_close

DRAWN = {
    "dropout": lambda x: F.dropout(x, 0.5),
    "dropout of channels": lambda x: F.dropout1d(x[:, None], 0.5)[:, 0],
    "alpha dropout": lambda x: F.alpha_dropout(x, 0.5, training=True),
    "torch.dropout": lambda x: torch.dropout(x, 0.5, True),
    "noise": lambda x: x + torch.randn_like(x),
    "noise of its own size": lambda x: x + torch.randn(x.shape[1], dtype=x.dtype),
    "noise in place": lambda x: x + torch.empty(x.shape[1], dtype=x.dtype).normal_(),
    "mask": lambda x: x * torch.bernoulli(torch.full((x.shape[1],), 0.5, dtype=x.dtype)),
    "order": lambda x: x[torch.randperm(len(x))],
    "gumbel": lambda x: F.gumbel_softmax(x),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None], None, 0.5)[0],
}
QUIET = {
    "dropout": lambda x: F.dropout(x, 0.5, training=False),
    "no dropout": lambda x: F.dropout(x, 0.0),
    "rrelu": lambda x: F.rrelu(x),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None])[0],
}


class With(nn.Module):
    """A linear layer, and one operation."""

    def __init__(self, operation):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.operation = nn.Linear(3, 2).double(), operation

    def forward(self, x):
        """(n, 2)."""
        return self.operation(self.linear(x))


def problem_of(net, chunk):
    """Two tasks of noise."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 3, dtype=torch.float64, generator=g)
    tasks = mi.Tasks(x, x[..., :2], x, x[..., :2])
    return mi.Problem(net, tasks, mi.Unrolled(1, 0.1), outer_reg=1.0, chunk=chunk)


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("name", DRAWN)
def test_refused(name, chunk):
    net = With(DRAWN[name])
    problem = problem_of(net, chunk)
    with pytest.raises(InvalidProblem, match="random numbers"):
        problem.gradient(mi.FromModule(net).current())


@pytest.mark.parametrize("name", QUIET)
def test_what_is_off_passes(name):
    net = With(QUIET[name])
    x = torch.randn(4, 3, dtype=torch.float64)
    model = mi.FromModule(net)
    assert_close(model(model.current(), x).detach(), net(x).detach(), 1e-14)


def test_attention_with_dropout():
    """Not a dropout layer: a number of the attention layer. Refused in training, not in evaluation."""

    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.MultiheadAttention(3, 1, dropout=0.5, batch_first=True, dtype=torch.float64)

        def forward(self, x):
            """(n, 2)."""
            return self.a(x[None], x[None], x[None])[0][0, :, :2]

    net = Attends()
    lam = mi.FromModule(net).current()
    with pytest.raises(InvalidProblem, match="dropout in attention"):
        problem_of(net, 1).gradient(lam)
    assert torch.isfinite(problem_of(net.eval(), 1).gradient(lam)).all()
