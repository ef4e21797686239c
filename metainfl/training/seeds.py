"""Whether a recipe draws anything from its seed: where it does not, every seed gives the same run."""

from __future__ import annotations

from metainfl.errors import InvalidRecipe
from metainfl.training.recipe import Recipe


def must_draw(recipe: Recipe, n_tasks: int) -> None:
    """`InvalidRecipe` for a recipe whose runs on `n_tasks` differ between seeds by rounding at most."""
    if recipe.augmentation is not None:
        return
    if recipe.batches is not None or recipe.batch_size is None:
        why = "all tasks at every step, or batches given"
    elif recipe.batch_size >= n_tasks:
        why = f"batches of {recipe.batch_size} hold all {n_tasks} tasks, in another order"
    else:
        return
    raise InvalidRecipe(
        f"this recipe draws nothing from its seed ({why}), so every seed gives the same run: leave seeds "
        f"out, give a batch_size below {n_tasks}, or a start by seed (run.over_seeds(seeds, starts=...))"
    )
