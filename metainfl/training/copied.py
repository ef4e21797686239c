"""What a run copies of its caller's, who may write into it later: nothing that a step reads is shared.

Functions are what they are: what a loss closes over is not copied, nor is what cannot be (a generator). Where
that changes, `Run` says so before it takes a derivative (`unchanged`).
"""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe, InvalidTasks
from metainfl.problem.own_copy import own_copy
from metainfl.problem.snapshot import in_precision
from metainfl.training import augmentation, known
from metainfl.training.recipe import DTYPES, Recipe

T = TypeVar("T")


def problem(given: Problem, recipe: Recipe) -> Problem:
    """A copy that nobody else holds, in the recipe's dtype and on its device."""
    dtype = None if recipe.dtype is None else DTYPES[recipe.dtype]
    try:
        tasks = given.tasks.owned(recipe.device, dtype)
    except InvalidTasks as error:
        if error.__cause__ is None:  # not torch's word on the device
            raise
        raise InvalidRecipe(
            f"{error}; or leave device out to compute where the tasks are"
        ) from error
    like = tasks.like
    try:
        model, adaptation = own_copy((given.setting.model, given.adaptation))
    except (RuntimeError, TypeError) as error:
        raise InvalidRecipe(
            f"a run keeps its own copy of model and adaptation, which cannot be copied: {error}"
        ) from error
    # a loss that reads the model's parameters is told by them, so they stay
    origin = getattr(given.setting.model, "origin", None)
    losses = given.setting.inner_loss, given.outer_loss
    inner, outer = _if_possible(losses, {} if origin is None else origin.known())
    module = getattr(model, "module", None)
    if module is not None:
        in_precision(module.to(device=like.device), like.dtype)
    return given.replaced(
        model=model,
        adaptation=adaptation,
        inner_loss=inner,
        outer_loss=None if given.outer_follows else outer,
        tasks=tasks,
        lam=None,
    )


def recipe(given: Recipe) -> Recipe:
    """Itself where optimiser and augmentation are ours, which nothing can be written into."""
    ours = {*known.KNOWN.values(), *augmentation.KNOWN.values(), type(None)}
    theirs = [n for n in ("optimiser", "augmentation") if type(getattr(given, n)) not in ours]
    if not theirs:
        return given
    other = copy.copy(given)
    for name in theirs:
        object.__setattr__(other, name, _if_possible(getattr(given, name), {}))
    return other


def start(given: Problem) -> Tensor:
    """problem.lam where it is set, else the module's own parameters; refused where there is neither."""
    own = given.own_start()
    return given.lam if own is None else own


def _if_possible(thing: T, instead: dict[int, object]) -> T:
    """A deep copy, or the thing itself where it cannot be copied: it is the user's, and may hold anything."""
    try:
        return own_copy(thing, instead)
    except Exception:
        return thing
