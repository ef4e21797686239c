"""Layers that are no W a + b, or whose parameters something else reads: no Kronecker factors of them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import metainfl as mi
from metainfl.adaptation import ApproximateProximal, KroneckerInverse
from metainfl.curvature import ekfac

D = torch.float64


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Masked(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight * (torch.arange(3) > 0), self.bias)


class Around(nn.Module):
    """f(layer, x)."""

    def __init__(self, f):
        super().__init__()
        self.f, self.layer = f, nn.Linear(3, 2)

    def forward(self, x):
        return self.f(self.layer, x)


def hooked():
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda module, given, out: 2 * out)
    return layer


def with_a_pre_hook():
    layer = nn.Linear(3, 2)
    layer.register_forward_pre_hook(lambda module, given: (2 * given[0],))
    return layer


WRONG = {
    "a hook": hooked,
    "a subclass": lambda: Doubled(3, 2),
    "a mask": lambda: Masked(3, 2),
    "a bias that is used again": lambda: Around(lambda layer, x: layer(x) + layer.bias),
    "a weight that is used again": lambda: Around(lambda layer, x: layer(x) + x @ layer.weight.T),
    "a weight in a scale": lambda: Around(lambda layer, x: layer(x) * layer.weight.norm()),
}
RIGHT = {
    "a pre-hook": with_a_pre_hook,
    "a scale": lambda: Around(lambda layer, x: 2 * layer(x)),
}


def problem_of(make, adaptation=None):
    torch.manual_seed(0)
    x, y = torch.randn(2, 4, 3, dtype=D), torch.randn(2, 4, 2, dtype=D)
    problem = mi.Problem(
        make().double(), mi.Tasks(x, y, x, y), adaptation or mi.NoAdaptation(), outer_reg=1.0
    )
    problem.lam = problem.own_start()
    return problem


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_chain_of_linear_layers_is_refused(name):
    """Guards factors of another matrix: two thirds of the Hessian were missing without a word."""
    with pytest.raises(mi.InvalidProblem, match="in other ways than through W a"):
        ekfac(problem_of(WRONG[name]))
    inner = ApproximateProximal(1.0, KroneckerInverse())
    with pytest.raises(mi.InvalidProblem, match="in other ways than through W a"):
        there = problem_of(WRONG[name], inner)
        there.gradient(there.lam)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_one_is_exact_under_the_squared_loss(name):
    problem = problem_of(RIGHT[name])
    want = problem.hessian(problem.lam)
    assert float((ekfac(problem).dense() - want).norm()) < 1e-12 * float(want.norm())
