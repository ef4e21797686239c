"""What a program is, as a short text: equal programs have equal ones, whatever holds them."""

from __future__ import annotations

from metainfl.derive.witness import witness
from metainfl.problem.digest import digest, meaning
from metainfl.training.program import Program


def fingerprint(program: Program) -> str:
    """Of the problem (data, model, losses, adaptation, regularisers), start, and what the recipe comes to."""
    start, recipe = program.start, program.recipe
    steps = program.batches, program.rates, recipe.optimiser, recipe.clip, recipe.reduction
    own = recipe.augmentation
    drawn = () if own is None else (own, recipe.seed, recipe.begins)
    seen = witness(program.problem, start.lam)
    return digest(
        meaning(program.problem),
        seen,
        start.lam,
        start.moments,
        start.steps,
        steps,
        *drawn,
        *program.rounding,
    )
