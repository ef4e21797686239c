"""Recurrent layers written out: torch's outputs in every form, and what is refused."""

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives
from tests.helpers import assert_close

KINDS = {
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "rnn": nn.RNN,
    "rnn, relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
}
FORMS = {
    "plain": {},
    "two layers, both ways": {"num_layers": 2, "bidirectional": True},
    "no bias, batch first": {"bias": False, "batch_first": True},
}


def agree(module, *inputs):
    """Every output the same as torch's."""
    theirs = tree_leaves(module(*inputs))
    with exact_derivatives():
        ours = tree_leaves(module(*inputs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.detach(), b.detach(), 1e-14)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers(kind, form):
    torch.manual_seed(0)
    module = KINDS[kind](3, 4, **FORMS[form]).double()
    agree(module, torch.randn(5, 6, 3, dtype=torch.float64))
    agree(module, torch.randn(5, 3, dtype=torch.float64))  # one sequence without a batch


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell, nn.RNNCell])
def test_cells(kind):
    torch.manual_seed(0)
    agree(kind(3, 4).double(), torch.randn(6, 3, dtype=torch.float64))


def test_a_given_state_is_the_first():
    torch.manual_seed(0)
    x, h = torch.randn(5, 6, 3).double(), torch.randn(1, 6, 4).double()
    agree(nn.GRU(3, 4).double(), x, h)
    agree(nn.LSTM(3, 4).double(), x, (h, -h))


def test_what_is_refused():
    x = torch.randn(5, 6, 3)
    packed = nn.utils.rnn.pack_padded_sequence(x, [5, 4, 3, 2, 2, 1])
    with exact_derivatives():
        with pytest.raises(InvalidProblem, match="packed sequences"):
            nn.GRU(3, 4)(packed)
        with pytest.raises(InvalidProblem, match="projections"):
            nn.LSTM(3, 4, proj_size=2)(x)
        with pytest.raises(InvalidProblem, match="dropout in training mode"):
            nn.GRU(3, 4, num_layers=2, dropout=0.5)(x)
        nn.GRU(3, 4, num_layers=2, dropout=0.5).eval()(x)
