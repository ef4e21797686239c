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
from metainfl.training.groups import Groups, parts
from metainfl.training.optimisers import SGD, Adam
from metainfl.training.run import Run


def step_scale(run: Run, times: Sequence[int]) -> Tensor:
    """P (p,): what a unit of gradient moves lam by, in units of the rate; the mean over steps `times`.

    Raises `InvalidRecipe` for an optimiser that is neither SGD nor Adam, and for momentum that never settles.
    """
    found, optimiser = _without_rates(run, times), run.recipe.optimiser
    return found * optimiser.factors(found) if isinstance(optimiser, Groups) else found


def _without_rates(run: Run, times: Sequence[int]) -> Tensor:
    """The same, in units of each group's own rate."""
    found, adam = torch.zeros_like(run.state.lam), []
    for at, optimiser, _ in parts(run.recipe.optimiser, found):
        if isinstance(optimiser, SGD):
            found[at] = _settled(optimiser)
        elif isinstance(optimiser, Adam):
            adam.append((at, optimiser))
        else:
            raise InvalidRecipe(
                f"the size of SGD's and Adam's steps is known here, not that of {optimiser}: ask run.scores"
            )
    if not adam:
        return found
    for _, state in run.states_at(min(t + 1, run.done) for t in times):
        for at, optimiser in adam:
            v = state.moments[1][at] / (1 - optimiser.beta2**state.steps)
            inside = optimiser.eps if optimiser.eps_inside_root else 0.0
            outside = 0.0 if optimiser.eps_inside_root else optimiser.eps
            found[at] += 1 / ((v + inside).sqrt() + outside) / len(times)
    return found


def decay(run: Run, t: int) -> float | Tensor:
    """What the optimiser's weight decay adds to outer_reg, a number or one a parameter (p,), about step t.

    Raises what `step_scale` raises, where the decay is decoupled.
    """
    own = parts(run.recipe.optimiser, run.state.lam)
    amounts = [float(getattr(optimiser, "weight_decay", 0.0)) for _, optimiser, _ in own]
    wrong = [
        o for (_, o, _), a in zip(own, amounts, strict=True) if a and not isinstance(o, (SGD, Adam))
    ]
    if wrong:
        raise InvalidRecipe(
            f"what weight decay comes to is known of SGD and Adam here, not of {wrong[0]}: ask run.scores"
        )
    apart = [bool(getattr(optimiser, "decoupled", False)) for _, optimiser, _ in own]
    if len(own) == 1 and not (amounts[0] and apart[0]):
        return amounts[0]
    found = torch.zeros_like(run.state.lam)
    scale = (
        _without_rates(run, [t])
        if any(a and d for a, d in zip(amounts, apart, strict=True))
        else found
    )
    for (at, _, _), amount, decoupled in zip(own, amounts, apart, strict=True):
        found[at] = amount / scale[at] if amount and decoupled else amount
    return found


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
