"""A reference run as a production run, and its recipe's optimiser: see `metainfl.oracle.bridge`."""

from __future__ import annotations

from typing import Any

import torch

from metainfl.errors import Interrupted
from metainfl.oracle.bridge import problem_of
from metainfl.training import SGD, Adam, Recipe, Run, State, train
from metainfl.training.optimisers import Optimiser
from metainfl_reference.estimands import trajectory


def optimiser_of(recipe: trajectory.Recipe) -> Optimiser:
    """A reference recipe's optimiser, in production."""
    if recipe.optimiser == "adam":
        return Adam(
            *recipe.betas,
            eps=recipe.eps,
            eps_inside_root=recipe.eps_inside_root,
            weight_decay=recipe.weight_decay,
            decoupled=recipe.decoupled,
        )
    return SGD(
        recipe.momentum,
        recipe.dampening,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        decoupled=recipe.decoupled,
    )


def run_of(
    of: trajectory.Run,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
    kept: int | None = None,
    ahead: int = 0,
) -> Run:
    """The production run that has this one as its truth; it keeps so many states, None: all.

    `ahead`: so many more steps stand in its recipe, and it was stopped before them.
    """
    steps = of.recipe.steps
    own = Recipe(
        optimiser=optimiser_of(of.recipe),
        rate=(*of.recipe.rates, *of.recipe.rates[:ahead]),
        batches=(*of.recipe.batches, *of.recipe.batches[:ahead]),
        reduction=of.recipe.reduction,
        clip=of.recipe.clip,
    )
    problem = problem_of(of.family, weights=of.weights, device=device, dtype=dtype)
    first = of.states[0]
    like = torch.zeros(0, dtype=dtype, device=device)
    lam, *moments = (torch.tensor(a).to(like) for a in (first.lam, first.first, first.second))
    start = State(lam, tuple(moments[: own.optimiser.n_moments]), first.count)
    keep = {} if kept is None else {"keep": kept * start.bytes()}
    begin: Any = start if first.count else lam
    if not ahead:
        return train(problem, own, start=begin, progress=False, **keep)

    def stop(done: int, *_: Any) -> None:
        if done == steps:
            raise KeyboardInterrupt

    try:
        return train(problem, own, start=begin, progress=stop, **keep)
    except Interrupted as stopped:
        found: Any = stopped.result
        return found
