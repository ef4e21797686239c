"""Trials of estimators that read a training run."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

import metainfl as mi
from bench.estimators.ground_runs import Network, Trained
from bench.estimators.grounds import ground, numpy
from bench.estimators.trial import Trial
from metainfl.data.digits import principal_pixels
from metainfl.methods.features.linear_vae import rows, vae_problem
from metainfl.solve import CG
from metainfl.training import Recipe, train


def helped(_, answer):
    """Negative: it helped."""
    return -numpy(answer)


class Words(nn.Module):
    """The mean embedding of the eight tokens of each text, and a linear layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.out = nn.Embedding(64, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.words(x.long()).mean(-2)))


class Texts:
    """Digits as texts: the places of their eight brightest pixels; the last two texts are targets."""

    def __init__(self, n=24):
        x, labels = principal_pixels(None)
        keep = torch.as_tensor((labels < 3).nonzero()[0][: n + 2])
        tokens = torch.as_tensor(x)[keep].argsort(dim=1, descending=True)[:, :8].double()[:, None]
        y = torch.eye(3, dtype=torch.float64)[torch.as_tensor(labels)[keep].long()][:, None]
        every = mi.Tasks(tokens[:, :0], y[:, :0], tokens, y)
        self.targets = every.select([n, n + 1])
        net = Words().double()
        problem = mi.Problem(
            net, every.select(list(range(n))), mi.NoAdaptation(), inner_loss=mi.cross_entropy,
            outer_reg=0.01, lam=mi.FromModule(net).current(),
        )  # fmt: skip
        self.run = train(problem, Recipe(rate=0.3, steps=30, batch_size=6), progress=False)
        self.asked = [mi.task(k) for k in range(n)]

    @property
    def removal(self):
        """By running again without each text."""
        return without(self)


class Pictures(Texts):
    """A linear VAE on digits of sixteen components."""

    def __init__(self, n=24):
        x = torch.as_tensor(principal_pixels(16)[0])[: n + 2].double()
        self.targets = rows(x[n:])
        self.run = train(
            vae_problem(x[:n], 4), Recipe(rate=0.02, steps=30, batch_size=6), progress=False
        )
        self.asked = [mi.task(k) for k in range(n)]


def without(g):
    """Loss of each target at the end of the run without a datum, minus with it (n, m)."""
    here = g.run.target_losses(g.targets)
    return numpy(torch.stack([g.run.without(p).target_losses(g.targets) - here for p in g.asked]))


def asked(method, g, **options):
    return method(g.run, g.asked, g.targets, **options)


def network(n=40, p=16, T=20, m=2, batch=None):
    """Tasks (in each batch, unless that is given), hidden units, steps, targets."""
    return ground(Network, n=n, hidden=p, steps=T, m=m, batch=batch)


SIZES = {"n": (40, 80, 160), "p": (16, 64, 256), "T": (20, 40, 80), "m": (1, 5)}


def along(own="run_score", *, effect=helped, call=asked, **options):
    """On a run whose exact answers the reference has; its cost is that of a network's."""
    truth = (lambda g: g.truth(own)) if own else None
    return Trial(
        partial(ground, Trained, **options), call, truth, effect, partial(network, **options), SIZES,
        "training runs",
    )  # fmt: skip


def on(kind, call=asked, effect=helped):
    return Trial(partial(ground, kind), call, None, effect)


def over_three_seeds(method, g):
    return method(g.run.over_seeds(range(3)), g.asked, g.targets).value


def strong(method, g):
    """Damped, as what is no minimum needs."""
    return asked(method, g, damping=10.0, solver=CG(rtol=1e-6))


TRIALS = {
    "tracin": along("tracin"),
    "tracin_ideal": along("ideal_tracin", batch=1),
    "tracin_cp": along("tracin"),
    "tracin_last": Trial(
        partial(ground, Texts), asked, None, helped, network, SIZES, "training runs"
    ),
    "tracin_rp": along("tracin"),
    "tracin_we": on(Texts),
    "vae_tracin": on(Pictures),
    "tracin_ad": on(Pictures, lambda f, g: f(g.run, g.targets).tail, None),
    "gas": along(None),
    "expected": Trial(partial(ground, Texts), over_three_seeds, None, helped),
    "hydra": along(),
    "hydra_fast": along(),
    "sgd_influence": along(),
    "source": along(call=lambda f, g: asked(f, g, segments=2, checkpoints=2)),
    "task_if_at_end": along(call=strong),
    "gradient_dot": along(None),
    "gradient_norm": along(None),
    "training_loss": along(None),
}
