"""Factors of a Fisher matrix hang on the model's outputs and targets, not on the order of its layers."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.adaptation import ApproximateProximal, KroneckerInverse
from metainfl.curvature import ekfac, gauss_newton, kronecker
from metainfl.kronecker import Recipe
from metainfl.methods.implicit.tlxml import tlxml_gauss_newton
from metainfl.methods.run.pbrf import pbrf

D = torch.float64


class Net(nn.Module):
    """A body and a head, registered in either order."""

    def __init__(self, first):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        for name in (first, "head" if first == "body" else "body"):
            sizes = (3, 4) if name == "body" else (4, 2)
            self.add_module(name, nn.Linear(*sizes, dtype=D))
        for name in ("body", "head"):
            for p in getattr(self, name).parameters():
                p.data = torch.randn(p.shape, generator=g, dtype=D)

    def forward(self, x):
        return self.head(torch.tanh(self.body(x)))


class Two(nn.Module):
    """Two heads whose outputs stand side by side."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2, dtype=D), nn.Linear(3, 1, dtype=D)

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], 1)


def problem(net, loss=mi.cross_entropy, y=None, adaptation=None, **weights):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(3, 5, 3, dtype=D, generator=g)
    c = 3 if isinstance(net, Two) else 2
    y = torch.randn(3, 5, c, dtype=D, generator=g).softmax(2) if y is None else y
    lam = mi.FromModule(net).current()
    return mi.Problem(net, mi.Tasks(x, y, x, y, **weights), adaptation or mi.NoAdaptation(),
                      inner_loss=loss, outer_reg=0.5, lam=lam)  # fmt: skip


def order(net):
    """Where each number of lam stands in the order body, head."""
    model, n = mi.FromModule(net), mi.FromModule(net).n_params
    own = model.to_dict(torch.arange(n, dtype=D))
    names = [f"{a}.{b}" for a in ("body", "head") for b in ("weight", "bias")]
    return torch.cat([own[name].flatten() for name in names]).long()


@pytest.mark.parametrize("fisher", ["type-2", "sampled", "empirical"])
@pytest.mark.parametrize("loss", [mi.squared, mi.cross_entropy])
def test_layers_registered_in_another_order(fisher, loss):
    """Guards labels drawn in the width of the layer that was registered last."""
    found = []
    for first in ("body", "head"):
        p, i = problem(Net(first), loss), order(Net(first))
        found.append(kronecker(p, Recipe(fisher)).dense()[i[:, None], i])
        inner = ApproximateProximal(1.0, KroneckerInverse(fisher))
        b = inner.prepare(p.setting, p.lam, p.tasks.view())[1]
        found.append(b[:, i[:, None], i])
    assert torch.allclose(found[0], found[2], rtol=0, atol=1e-11)
    assert torch.allclose(found[1], found[3], rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", [mi.squared, mi.cross_entropy])
def test_outputs_that_no_single_layer_makes(loss):
    """Guards the same where outputs are wider than any layer's; the sampled matrix tends to type-2."""
    p = problem(Two(), loss)
    many = torch.stack([kronecker(p, Recipe("sampled", seed=s)).dense() for s in range(200)])
    want = kronecker(p, Recipe("type-2")).dense()
    traces = many.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(traces.mean() - want.trace()) < 4 * traces.std() / 200**0.5


def negative():
    g = torch.Generator().manual_seed(2)
    y = torch.randn(3, 5, 2, dtype=D, generator=g).softmax(2)
    y[1, 2] = torch.tensor([0.5, -0.7], dtype=D)
    return y


ASKED = {
    "ekfac": lambda p: ekfac(p),
    "sampled": lambda p: kronecker(p, Recipe("sampled")),
    "influence": lambda p: mi.influence(p, [mi.task(0)], curvature=ekfac, allow_nonstationary=True),
    "pbrf": lambda p: pbrf(p, mi.task(0), damping=9.0),
    "factors": lambda p: tlxml_gauss_newton(p, [mi.task(0)], allow_nonstationary=True),
}


@pytest.mark.parametrize("way", ASKED)
def test_targets_of_negative_sum_are_named(way):
    """Guards NaN, and a complaint about a Hessian, from the root of a negative sum."""
    with pytest.raises(mi.InvalidProblem, match=r"instance 2 of task 1 sum to -0\.2"):
        ASKED[way](problem(Net("body"), y=negative()))


@pytest.mark.parametrize("fisher", ["type-2", "sampled"])
def test_the_same_within_an_adaptation(fisher):
    """Guards the same in the inner inverse, whose targets are those of the support set."""
    p = problem(Net("body"), y=negative())
    with pytest.raises(mi.InvalidProblem, match=r"instance 2 of task 1 sum to -0\.2"):
        ApproximateProximal(9.0, KroneckerInverse(fisher)).prepare(p.setting, p.lam, p.tasks.view())


def test_negative_sums_that_are_taken():
    """Guards refusals where nothing is rooted: products of Gauss-Newton, gradients, weight 0, zero sums."""
    p = problem(Net("body"), y=negative())
    assert torch.isfinite(gauss_newton(p).dense()).all() and gauss_newton(p).low is None
    assert torch.isfinite(kronecker(p, Recipe("empirical")).dense()).all()
    w = torch.ones(3, 5, dtype=D)
    w[1, 2] = 0
    assert torch.isfinite(ekfac(problem(Net("body"), y=negative(), query_weight=w)).dense()).all()
    off = torch.tensor([-0.1, -0.2, 0.3], dtype=D).expand(3, 5, 3)  # a sum of 0, to rounding
    assert float(off[0, 0].sum()) < 0
    assert torch.isfinite(ekfac(problem(Two(), y=off)).dense()).all()
    assert gauss_newton(problem(Net("body"))).low == 0.5
