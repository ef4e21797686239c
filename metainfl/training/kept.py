"""A run that is trained and kept in a folder, also on its way.

Killed at any point, the same call goes on from the last state that was saved, `EVERY` seconds ago at most;
interrupted, or left by another rank, from where it was. A run of another problem, recipe or start is written
over.
"""

from __future__ import annotations

import time
from pathlib import Path

from metainfl.derive.problem import Problem
from metainfl.errors import BrokenRun, Interrupted, InvalidRecipe, RankLost
from metainfl.pools.aside import set_aside
from metainfl.training import augmentation
from metainfl.training.begin import begin
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.fingerprint import fingerprint
from metainfl.training.known import KNOWN
from metainfl.training.program import Program
from metainfl.training.progress import Watch, watching
from metainfl.training.recipe import Recipe
from metainfl.training.run import Run
from metainfl.training.saved import FACTS, STATES, load, save
from metainfl.training.state import State
from metainfl.training.train import KEEP, train

EVERY = 30.0  # seconds between two saves on the way
SPENT = 0.1  # the largest share of the time that saving takes


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
            f"{_own(recipe)} of your own, so the run cannot be kept in "
            f"{folder}: train it yourself and ask about the run (return run, targets), or give no store"
        )
    if folder is None:
        return train(problem, recipe, start=start, progress=progress)
    run = _begun(folder, problem, recipe, start)
    if run is None:
        run = Run(Checkpoints(begin(problem, recipe, start), KEEP))
    elif run.finished:
        return run
    try:
        with watching(run.program, run.program.steps, progress) as shown:
            run.resume(progress=_saving(run, folder, shown))
    except RankLost:
        save(run, folder)
        raise
    except Interrupted:
        save(run, folder)
        raise KeyboardInterrupt(
            f"training stopped after {run.done} of {run.program.steps} steps, kept in {folder}; the "
            "same command goes on"
        ) from None
    save(run, folder)
    return run


def _saving(run: Run, folder: Path, shown: Watch | None) -> Watch:
    """Shows a step, and saves the run where its time has come."""
    due = time.monotonic() + EVERY

    def watch(done: int, steps: int, loss: float, state: State) -> None:
        nonlocal due
        if shown is not None:
            shown(done, steps, loss, state)
        started = time.monotonic()
        if started > due and done < steps:
            save(run, folder)
            now = time.monotonic()
            due = now + max(EVERY, (now - started) / SPENT)

    return watch


def keepable(recipe: Recipe) -> bool:
    """Whether a run of it can be written: its optimiser, and its augmentation, are of ours."""
    return not _own(recipe)


def _own(recipe: Recipe) -> str:
    """What of a recipe is nobody's but the caller's; empty where nothing is."""
    way, drawn = type(recipe.optimiser), type(recipe.augmentation)
    if KNOWN.get(way.__name__) is not way:
        return f"{way.__name__} is an optimiser"
    if recipe.augmentation is not None and augmentation.KNOWN.get(drawn.__name__) is not drawn:
        return f"{drawn.__name__} is an augmentation"
    return ""


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
