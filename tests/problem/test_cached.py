"""Weights that torch remembers: `parametrize.cached()` around a call, and within a model's own forward."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import metainfl as mi
from metainfl.training import Recipe, train
from tests.helpers import assert_close

D = torch.float64


class Net(nn.Module):
    def __init__(self, cached):
        super().__init__()
        self.layer, self.cached = parametrizations.weight_norm(nn.Linear(3, 2)), cached

    def forward(self, x):
        if not self.cached:
            return self.layer(x).tanh() + self.layer(x)
        with parametrize.cached():
            return self.layer(x).tanh() + self.layer(x)


def problem(cached=False, net=None):
    torch.manual_seed(0)
    x, y = torch.randn(3, 4, 3, dtype=D), torch.randn(3, 4, 2, dtype=D)
    own = (net or Net(cached)).double()
    p = mi.Problem(own, mi.Tasks(x, y, x, y), mi.NoAdaptation(), outer_reg=1.0)
    p.lam = torch.linspace(-1, 1, p.n_meta, dtype=D)
    return p


CALLS = {
    "gradient": lambda p: p.gradient(p.lam),
    "influence": lambda p: (
        mi.influence(p, [mi.task(0)], allow_nonstationary=True, damping=50.0).value
    ),
    "run": lambda p: train(p, Recipe(rate=0.01, steps=3), progress=False).lam,
    "solve": lambda p: p.solve(progress=False),
}


@pytest.mark.parametrize("call", CALLS)
def test_around_a_call_it_is_refused(call):
    """Guards weights of the first call in all later ones: gradients 41 % off, influences 83 %, no error."""
    p = problem()
    with parametrize.cached(), pytest.raises(mi.InvalidProblem, match=r"cached\(\) is on.*'layer'"):
        CALLS[call](p)


def test_what_holds_is_not_refused():
    """Within forward it is left again; a model without parametrised layers has nothing to remember."""
    assert_close(CALLS["gradient"](problem(cached=True)), CALLS["gradient"](problem()), 1e-14)
    plain = problem(net=nn.Linear(3, 2))
    want = CALLS["gradient"](plain)
    with parametrize.cached():
        assert_close(CALLS["gradient"](plain), want, 0)
