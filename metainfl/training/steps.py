"""What an optimiser makes of a gradient that is kept up, and the quadratic that its weight decay adds.

    lam_{s+1} - lam_s = - rate P g        SGD, Nesterov: P = (1 - dampening)/(1 - momentum)
                                          Adam: P = 1/(sqrt(v) + eps), or 1/sqrt(v + eps)
    coupled decay     rests where P (grad J + wd lam) = 0:    J + wd/2 |lam|^2
    decoupled decay   rests where P grad J + wd lam = 0:      J + wd/2 lam' P^{-1} lam
Adam's P is taken as given, one number a parameter, though v holds the gradient: with all tasks in each batch
what decoupled decay adds is then too small by the factor 1 - wd |lam_j| (1 - (wd lam_j)^2 where
eps is inside the root). Clipping is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.training.optimisers import SGD, Adam
from metainfl.training.run import Run


def step_scale(run: Run, times: Sequence[int]) -> Tensor:
    """P (p,): what a unit of gradient moves lam by, in units of the rate; the mean over steps `times`.

    Raises `InvalidRecipe` for an optimiser that is neither SGD nor Adam, and for momentum that never settles.
    """
    optimiser, lam = run.recipe.optimiser, run.state.lam
    if isinstance(optimiser, SGD):
        return torch.full_like(lam, _settled(optimiser))
    if not isinstance(optimiser, Adam):
        raise InvalidRecipe(
            f"the size of SGD's and Adam's steps is known here, not that of {optimiser}: ask run.scores"
        )
    found = torch.zeros_like(lam)
    for _, state in run.states_at(min(t + 1, run.done) for t in times):
        v = state.moments[1] / (1 - optimiser.beta2**state.steps)
        inside = optimiser.eps if optimiser.eps_inside_root else 0.0
        outside = 0.0 if optimiser.eps_inside_root else optimiser.eps
        found = found + 1 / ((v + inside).sqrt() + outside)
    return found / len(times)


def decay(run: Run, t: int) -> float | Tensor:
    """What the optimiser's weight decay adds to outer_reg, a number or one a parameter (p,), about step t.

    Raises what `step_scale` raises, where the decay is decoupled.
    """
    optimiser = run.recipe.optimiser
    amount = float(getattr(optimiser, "weight_decay", 0.0))
    if amount and not isinstance(optimiser, (SGD, Adam)):
        raise InvalidRecipe(
            f"what weight decay comes to is known of SGD and Adam here, not of {optimiser}: ask run.scores"
        )
    if not amount or not getattr(optimiser, "decoupled", False):
        return amount
    if isinstance(optimiser, SGD):
        return amount / _settled(optimiser)
    return amount / step_scale(run, [t])


def _settled(optimiser: SGD) -> float:
    """(1 - dampening)/(1 - momentum); without momentum dampening is not read."""
    if not optimiser.momentum:
        return 1.0
    if not (optimiser.momentum < 1 and optimiser.dampening < 1):
        raise InvalidRecipe(
            f"steps of {optimiser} do not settle: momentum and dampening must be below 1 for this "
            "estimate; ask run.scores, which is exact for any"
        )
    return (1 - optimiser.dampening) / (1 - optimiser.momentum)
