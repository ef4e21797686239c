"""The same run from other seeds, each kept as it is trained: a call that is stopped trains none twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from metainfl.training import Run
from metainfl.training.kept import keepable, trained
from metainfl.training.seeds import must_draw


def others(run: Run, count: int, store: Path | None, progress: bool) -> Iterator[Run]:
    """`count` runs of the next seeds, as many steps as `run` has taken, in folders of their own."""
    program, own = run.program, run.recipe
    n = program.problem.tasks.n_tasks
    must_draw(own, n)
    for seed in range(own.seed + 1, own.seed + 1 + count):
        recipe = replace(own, seed=seed)
        if not run.finished:
            recipe = recipe.from_step(0, n, run.done)
        folder = store / "seeds" / str(seed) if store is not None and keepable(own) else None
        yield trained(program.problem, recipe, folder, progress, start=program.start)
