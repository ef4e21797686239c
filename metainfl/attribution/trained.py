"""The run that was trained for a question, kept in a folder.

Killed at any point, the same command goes on from the last state that was saved; a run of another problem,
recipe or start is written over.
"""

from __future__ import annotations

from pathlib import Path

from metainfl.derive.problem import Problem
from metainfl.errors import BrokenRun, Interrupted, InvalidRecipe
from metainfl.pools.aside import set_aside
from metainfl.training import Recipe, Run, State, load, save, train
from metainfl.training.fingerprint import fingerprint
from metainfl.training.optimisers import KNOWN
from metainfl.training.program import Program
from metainfl.training.saved import FACTS, STATES


def trained(
    problem: Problem,
    recipe: Recipe,
    folder: Path | None,
    progress: bool,
    start: State | None = None,
) -> Run:
    """The run, gone on with where `folder` holds its beginning; kept there, finished or interrupted."""
    if folder is not None and not keepable(recipe):
        raise InvalidRecipe(
            f"{type(recipe.optimiser).__name__} is an optimiser of your own, so the run cannot be kept in "
            f"{folder}: train it yourself and ask about the run (return run, targets), or give no store"
        )
    run = None if folder is None else _begun(folder, problem, recipe, start)
    try:
        if run is None:
            run = train(problem, recipe, start=start, progress=progress)
        else:
            run.resume(progress=progress)
    except Interrupted as stopped:
        if folder is not None:
            begun = stopped.result
            assert isinstance(begun, Run)
            save(begun, folder)
            raise KeyboardInterrupt(
                f"training stopped after {begun.done} of {begun.program.steps} steps, kept in {folder}; the "
                "same command goes on"
            ) from None
        raise
    if folder is not None:
        save(run, folder)
    return run


def keepable(recipe: Recipe) -> bool:
    """Whether a run of it can be written: its optimiser is one of ours."""
    return KNOWN.get(type(recipe.optimiser).__name__) is type(recipe.optimiser)


def _begun(folder: Path, problem: Problem, recipe: Recipe, start: State | None) -> Run | None:
    """The run in the folder, if it is this one: same problem, recipe and start."""
    if not (folder / FACTS).exists():
        return None
    try:
        run = load(folder, problem)
    except BrokenRun as error:
        if (folder / STATES).exists():
            (folder / STATES).replace(folder / f"{STATES}.aside")
        set_aside(folder / FACTS, error, "the run is trained again")
        return None
    except InvalidRecipe:
        return None  # of another problem: written over
    own = fingerprint(Program(problem, recipe, start))
    return run if run.recipe == recipe and fingerprint(run.program) == own else None
