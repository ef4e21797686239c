"""Runs once more, in mpmath at 80 digits, from the definition of the loss and of the optimisers.

The batch gradient is a central difference (step 1e-17, so an error of 1e-34) of task losses written
from their definition; the optimisers are written from their papers, one coordinate at a time; the
derivative in a weight is a central difference of two runs. Nothing is shared with the float64 code.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from metainfl_reference.estimands.trajectory import Recipe, Run
from metainfl_reference.family import Family
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.second_route.highprec import (
    DIGITS,
    adapt,
    moved,
    regulariser,
    task_loss,
)

Array = np.ndarray


def derivative(of: Run, p: Perturbation) -> Array:
    """d lam_S/d weight (p,), rounded from 80 digits to float64."""
    with mp.workdps(DIGITS):
        h = mp.mpf(10) ** -12
        ahead, behind = (_last(of, moved(of.weights, p, s)) for s in (h, -h))
        return np.array([float((a - b) / (2 * h)) for a, b in zip(ahead, behind, strict=True)])


def final(of: Run) -> Array:
    """lam_S (p,) as mpf numbers at 80 digits."""
    with mp.workdps(DIGITS):
        return np.array(_last(of, moved(of.weights, None, mp.mpf(0))), dtype=object)


def _last(of: Run, weights: dict[str, Any]) -> list[Any]:
    """lam_S for these weights, from the state that the run starts at."""
    r, start = of.recipe, of.states[0]
    lam, one, two = ([mp.mpf(x) for x in a] for a in (start.lam, start.first, start.second))
    for t, (batch, rate) in enumerate(
        zip(r.batches, map(mp.mpf, r.rates), strict=True), start.count
    ):
        g = _gradient(of.family, lam, (batch, r.reduction == "mean"), weights)
        decay = mp.mpf(r.weight_decay)
        if r.decoupled:
            shrunk = [x - rate * decay * x for x in lam]
        else:
            shrunk, g = lam, [a + decay * x for a, x in zip(g, lam, strict=True)]
        for i, slope in enumerate(g):
            one[i], two[i], turn = _update(r, t + 1, one[i], two[i], slope)
            shrunk = [x - rate * turn if i == j else x for j, x in enumerate(shrunk)]
        lam = shrunk
    return lam


def _update(r: Recipe, t: int, one: Any, two: Any, g: Any) -> tuple[Any, Any, Any]:
    """One coordinate: both moments and the direction."""
    if r.optimiser == "sgd":
        one = mp.mpf(r.momentum) * one + (g if t == 1 else mp.mpf(1.0 - r.dampening) * g)
        return one, two, g + mp.mpf(r.momentum) * one if r.nesterov else one
    b1, b2 = (mp.mpf(b) for b in r.betas)
    one, two = b1 * one + (1 - b1) * g, b2 * two + (1 - b2) * g**2
    mean, square = one / (1 - b1**t), two / (1 - b2**t)
    root = mp.sqrt(square + r.eps) if r.eps_inside_root else mp.sqrt(square) + r.eps
    return one, two, mean / root


def _gradient(family: Family, lam: list[Any], batch: Any, weights: dict[str, Any]) -> list[Any]:
    """The batch's gradient by central differences of its loss."""
    h, out = mp.mpf(10) ** -17, []
    for i in range(len(lam)):
        ahead, behind = (
            _loss(family, [x + (s if i == j else 0) for j, x in enumerate(lam)], batch, weights)
            for s in (h, -h)
        )
        out.append((ahead - behind) / (2 * h))
    return out


def _loss(family: Family, lam: list[Any], batch: Any, weights: dict[str, Any]) -> Any:
    """(1/|B|) sum_{i in B} w_i L_i + (d_out/2) |lam|^2, or without 1/|B|."""
    e, total, (tasks, mean) = family.episodes, mp.mpf(0), batch
    for k in tasks:
        theta = adapt(family, lam, (e.support_x[k], e.support_y[k], weights["support"][k]))
        pairs = zip(weights["query"][k], e.query_x[k], e.query_y[k], strict=True)
        total += weights["task"][k] * task_loss(family, lam, theta, pairs)
    return total / (len(tasks) if mean else 1) + regulariser(family, lam)
