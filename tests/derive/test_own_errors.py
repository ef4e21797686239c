"""Whatever a user's model or loss raises, and whenever, comes as the library's error, and what stops a

program (an interrupt, memory that is out) comes as it is.
"""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.curvature import ekfac, gauss_newton
from metainfl.errors import MetainflError
from metainfl.methods.features import head
from metainfl.methods.features.trak import trak
from metainfl.methods.implicit.fi_active import fi_active
from metainfl.methods.implicit.influence_measure import influence_measure
from metainfl.methods.implicit.tlxml import tlxml_gauss_newton
from metainfl.methods.run.loss import training_loss
from metainfl.methods.run.pbrf import pbrf
from metainfl.methods.run.tracin import tracin
from metainfl.training import SGD, Recipe, train

D = torch.float64
HOW = {"allow_nonstationary": True, "damping": 9.0}
FIRST, RECIPE = [mi.task(0)], Recipe(optimiser=SGD(), rate=0.1, steps=2, batch_size=2)


class Fuse:
    """Raises from its `at`-th call on."""

    def __init__(self):
        self.calls, self.at, self.kind = 0, None, KeyError

    def burn(self, value):
        self.calls += 1
        if self.at is not None and self.calls >= self.at:
            raise self.kind("my own words")
        return value

    def __deepcopy__(self, memo):
        return self  # a model is copied; what it counts on is not


class Net(nn.Module):
    def __init__(self, fuse):
        super().__init__()
        self.layer, self.fuse = nn.Linear(3, 2, dtype=D), fuse

    def forward(self, x):
        return self.fuse.burn(self.layer(x))


def problem(fuse, where):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(3, 4, 3, dtype=D, generator=g), torch.randint(2, (3, 4), generator=g)
    model = Net(fuse if where == "model" else Fuse())

    def own(outputs, targets):
        return fuse.burn(mi.cross_entropy(outputs, targets))

    losses = {"inner_loss": mi.cross_entropy} | ({"outer_loss": own} if where == "loss" else {})
    lam = torch.randn(8, dtype=D, generator=g)
    return mi.Problem(
        model, mi.Tasks(x, y, x, y), mi.NoAdaptation(), outer_reg=2.0, lam=lam, **losses
    )


WAYS = {
    "solve": lambda p, r: p.solve(),
    "gradient": lambda p, r: p.gradient(p.lam),
    "product": lambda p, r: p.products(p.lam)(p.lam),
    "influence": lambda p, r: mi.influence(p, [mi.task(0), mi.shift("query", 0, 1, 2)], **HOW),
    "Gauss-Newton": lambda p, r: mi.influence(p, FIRST, curvature=gauss_newton, **HOW),
    "EK-FAC": lambda p, r: mi.influence(p, FIRST, curvature=ekfac, **HOW),
    "TLXML": lambda p, r: tlxml_gauss_newton(p, FIRST, allow_nonstationary=True),
    "scores": lambda p, r: mi.scores(p, FIRST, p.tasks, **HOW),
    "second order": lambda p, r: mi.removal.second_order(p, FIRST, **HOW),
    "Newton": lambda p, r: mi.removal.newton(p, FIRST, allow_nonstationary=True),
    "losses": lambda p, r: mi.removal.target_losses(p, p.lam[None], p.tasks),
    "FI": lambda p, r: influence_measure(p, [mi.query(0, 0)], p.tasks, **HOW),
    "FI-active": lambda p, r: fi_active(p, [mi.query(0, 0)], p.tasks, **HOW),
    "TRAK": lambda p, r: trak(p, [mi.query(0, 0)], p.tasks, damping=1.0),
    "PBRF": lambda p, r: pbrf(p, mi.task(0), damping=9.0),
    "last layer": lambda p, r: head(p),
    "train": lambda p, r: train(p, RECIPE, progress=False),
    "run's scores": lambda p, r: r.scores(p.tasks, FIRST),
    "run's influence": lambda p, r: r.influence([mi.task(0), mi.query(0, 1)]),
    "edit": lambda p, r: r.without(mi.task(0)),
    "TracIn": lambda p, r: tracin(r, FIRST, p.tasks),
    "training loss": lambda p, r: training_loss(r, FIRST, p.tasks),
}
OF_CROSS_ENTROPY = {"EK-FAC", "TLXML", "FI", "FI-active", "TRAK", "PBRF"}
CASES = [
    (way, where) for way in WAYS for where in ("model", "loss")
    if where == "model" or way not in {*OF_CROSS_ENTROPY, "last layer"}
]  # fmt: skip


KINDS = IndexError, ValueError, TypeError, KeyError, ZeroDivisionError, RuntimeError


def lit(way, where):
    """A question, the number of calls that it takes, and the fuse in them."""
    fuse = Fuse()
    p = problem(fuse, where)
    run = train(p, RECIPE, progress=False)
    for _ in range(2):  # a run remembers what was looked at at its end
        fuse.calls = 0
        WAYS[way](problem(fuse, where), run)
    return (lambda: WAYS[way](problem(fuse, where), run)), fuse.calls, fuse


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__


@pytest.mark.parametrize(("way", "where"), CASES)
def test_an_exception_at_any_time(way, where):
    """Guards exceptions that escape bare where a derivative, or an estimator of its own, meets them first."""
    ask, calls, fuse = lit(way, where)
    assert calls
    for turn, at in enumerate((1, calls // 2 or 1, calls)):
        for kind in KINDS[turn::3]:
            fuse.calls, fuse.at, fuse.kind = 0, at, kind
            with pytest.raises(MetainflError) as found:
                ask()
            assert "my own words" in str(found.value)
            assert any(type(e) is kind for e in causes(found.value))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_what_stops_a_program_is_not_renamed(way, kind):
    """Guards memory that is out, told as a mistake of the model."""
    ask, calls, fuse = lit(way, "model")
    for at in sorted({1, calls}):
        fuse.calls, fuse.at, fuse.kind = 0, at, kind
        with pytest.raises(kind):
            ask()
