"""Padding rows are constants where their embedding alone reads them, and refused where anything else does.

Guards a number without a word: torch trains the row through the other reading, and F held it constant.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from tests.helpers import assert_close

D = torch.float64


class Tied(nn.Module):
    """Words in, scores of words out, by one matrix; `read` says how the second reading is written."""

    def __init__(self, read, padding_idx=0):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(4, 3, padding_idx=padding_idx)
        self.read = read
        self.double()

    def forward(self, x):
        """(n, words)."""
        return self.read(self, torch.tanh(self.embed(x.long()).sum(1)))


READINGS = {
    "product": lambda net, h: h @ net.embed.weight.T,
    "linear": lambda net, h: F.linear(h, net.embed.weight),
    "list": lambda net, h: h @ torch.cat([net.embed.weight, net.embed.weight]).T[:, :4],
    "method": lambda net, h: h @ net.embed.weight.transpose(0, 1),
    "penalty": lambda net, h: h.sum(1, keepdim=True) + net.embed.weight.square().sum().expand(4),
    "named": lambda net, h: torch.einsum("nd,wd->nw", h, dict(net.named_parameters())["embed.weight"]),
}  # fmt: skip


def problem(net, steps=1):
    """Two tasks of three sentences, some of whose words are padding."""
    x = torch.randint(0, 4, (2, 3, 2), generator=torch.Generator().manual_seed(1)).to(D)
    y = torch.randint(0, 4, (2, 3), generator=torch.Generator().manual_seed(2))
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    loss = {"inner_loss": mi.cross_entropy}
    found = mi.Problem(net, mi.Tasks(x, y, x, y), adaptation, **loss, outer_reg=1.0)
    found.lam = found.own_start()
    return found


def torchs(net, asked):
    """D F by torch's own backward pass through the network itself, without adaptation (p,)."""
    view = asked.tasks.view()
    losses = zip(view.query_x, view.query_y, strict=True)
    total = sum(F.cross_entropy(net(x), y, reduction="sum") for x, y in losses)
    found = torch.autograd.grad(total, list(net.parameters()))
    return torch.cat([g.reshape(-1) for g in found]) + asked.lam


@pytest.mark.parametrize("name", READINGS)
def test_another_reading_of_the_weight_is_refused(name):
    asked = problem(Tied(READINGS[name]))
    with pytest.raises(
        mi.InvalidProblem, match=r"'embed.weight' has a padding row.*without padding_idx"
    ):
        asked.gradient(asked.lam)


@pytest.mark.parametrize("name", READINGS)
def test_without_padding_the_reading_is_torchs(name):
    net = Tied(READINGS[name], padding_idx=None)
    asked = problem(net, steps=0)
    assert_close(asked.gradient(asked.lam), torchs(net, asked), 1e-12)


def test_its_shape_may_be_read():
    net = Tied(lambda net, h: h.new_ones(len(h), net.embed.weight.shape[0]) * h.sum(1)[:, None])
    asked = problem(net)
    rows = asked.gradient(asked.lam).reshape(4, 3)
    assert torch.equal(rows[0], asked.lam[:3])  # of the regulariser alone
    assert torch.isfinite(rows).all()


class Twice(nn.Module):
    """The same weight looked up by its layer and otherwise."""

    def __init__(self, other):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.out, self.other = nn.Embedding(4, 3, padding_idx=0), nn.Linear(3, 4), other
        self.second = nn.Embedding(4, 3)
        self.second.weight = self.embed.weight
        self.double()

    def forward(self, x):
        """(n, words)."""
        x = x.long()
        return self.out((self.embed(x) + self.other(self, x)).sum(1))


LOOKED_UP = {
    "without padding": lambda net, x: F.embedding(x, net.embed.weight),
    "with another": lambda net, x: F.embedding(x, net.embed.weight, padding_idx=1),
    "by another layer": lambda net, x: net.second(x),
}


@pytest.mark.parametrize("name", LOOKED_UP)
def test_looked_up_without_that_padding_is_refused(name):
    """Guards the same through the one operation that padding is about: torch trains the row there."""
    asked = problem(Twice(LOOKED_UP[name]))
    with pytest.raises(
        mi.InvalidProblem, match=r"'embed.weight' has a padding row.*another padding_idx"
    ):
        asked.gradient(asked.lam)


AGAIN = {
    "by name": lambda net, x: F.embedding(input=x, weight=net.embed.weight, padding_idx=0),
    "half by name": lambda net, x: F.embedding(x, net.embed.weight, padding_idx=0),
    "by place": lambda net, x: F.embedding(x, net.embed.weight, 0),
}


@pytest.mark.parametrize("name", AGAIN)
def test_looked_up_twice_with_that_padding_is_right(name):
    """Against torch's own gradient, which leaves the row out."""
    other = AGAIN[name]
    net = Twice(other)
    asked = problem(net, steps=0)
    assert_close(asked.gradient(asked.lam), torchs(net, asked), 1e-12)
