"""The same run on both sides of the border, and small networks."""

from functools import cache

import numpy as np
import torch
from torch import nn

import metainfl as mi
from metainfl.oracle.bridge import problem_of, to_production
from metainfl.oracle.runs.bridge import optimiser_of
from metainfl.training import Recipe, train
from metainfl_reference.estimands import trajectory
from metainfl_reference.generators import small
from metainfl_reference.routes.trajectories import RECIPES, recipe


@cache
def twins(name, optimiser):
    """A production run and the reference's, ten steps on a small family."""
    family = small(name, 1)
    of = recipe(optimiser)
    start = 0.3 * np.random.default_rng(0).standard_normal(family.n_meta)
    own = Recipe(
        optimiser=optimiser_of(of), rate=of.rates, batches=of.batches, reduction=of.reduction
    )
    run = train(problem_of(family), own, start=torch.tensor(start), progress=False)
    return run, trajectory.run(family, of, start)


def production(perturbations):
    return [to_production(p) for p in perturbations]


def network(tasks=6, ways=3, shots=2, d=5, hidden=4, seed=0, dtype=torch.float64, **options):
    """One step of MAML on a two-layer tanh network: a problem that starts at the module's parameters."""
    draw = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(d, hidden), nn.Tanh(), nn.Linear(hidden, ways)).to(dtype)
    for p in net.parameters():
        p.data = 0.5 * torch.randn(p.shape, generator=draw, dtype=dtype)
    y = torch.eye(ways, dtype=dtype).repeat_interleave(shots, 0).expand(tasks, -1, -1).clone()
    x, q = torch.randn(2, tasks, ways * shots, d, generator=draw, dtype=dtype)
    options = {"outer_reg": 1e-2, "inner_loss": mi.cross_entropy, **options}
    return mi.Problem(net, mi.Tasks(x, y, q, y), mi.Unrolled(1, 0.2), **options)


def extrapolated(f, h=0.05, rows=4):
    """f'(0) by Richardson's table of central differences at h, h/2, ..."""
    table = [[(f(h / 2**i) - f(-h / 2**i)) / (2 * h / 2**i)] for i in range(rows)]
    for i in range(1, rows):
        for j in range(1, i + 1):
            a, b = table[i][j - 1], table[i - 1][j - 1]
            table[i].append(a + (a - b) / (4**j - 1))
    return table[-1][-1]


__all__ = ["RECIPES", "extrapolated", "network", "production", "twins"]
