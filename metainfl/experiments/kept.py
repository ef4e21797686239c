"""The steps of a cell on disk, so that a kill loses the one in hand: one way for all experiments.

    step(name, make)           plain data that take long to make
    trained(problem, recipe)   a training run, kept also on its way
    reruns(run, removed)       lam_S of removals (n, p), each kept as it ends
Within `keeping`, which `cells` puts around every cell, what a folder holds is read and not made again; a cell
that is called by itself keeps nothing and gives the same numbers. The folder goes when the cell is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from metainfl.data.looked import Names
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.experiments.known import Known
from metainfl.plain import as_json, from_json
from metainfl.problem.perturbation import Perturbation
from metainfl.training import Recipe, Run, kept, train
from metainfl.training.fingerprint import fingerprint
from metainfl.training.program import Program

T = TypeVar("T")


@dataclass
class _Steps:
    """Where the steps of a cell are kept, what makes them its own, and those it has come to."""

    folder: Path
    known: Known
    looked: list[Names]
    names: set[str] = field(default_factory=set)


_steps: ContextVar[_Steps | None] = ContextVar("steps", default=None)
_hears: ContextVar[Callable[[str], None]] = ContextVar("hears", default=lambda name: None)


@contextmanager
def keeping(folder: Path, known: Known, looked: list[Names]) -> Iterator[None]:
    """Within, steps are kept in `folder`; `looked` grows with the data sets that are looked for."""
    before = _steps.set(_Steps(folder, known, looked))
    try:
        yield
    finally:
        _steps.reset(before)


@contextmanager
def heard(hears: Callable[[str], None]) -> Iterator[None]:
    """Within, and in this process, `hears` is told the name of every step before it is made."""
    before = _hears.set(hears)
    try:
        yield
    finally:
        _hears.reset(before)


def step(name: str, make: Callable[[], T]) -> T:
    """Plain data (JSON) by name: made, or as they were made. Each name stands for one step of a cell.

    Draws from torch's own generator inside leave it as it was: a step that is read is as one that is made.
    """
    _hears.get()(name)
    here = _steps.get()
    if here is None:
        with torch.random.fork_rng(devices=[]):
            return make()
    if name in here.names:
        raise InvalidOption(
            f"two steps of a cell are called {name!r}: each needs a name of its own"
        )
    here.names.add(name)
    path = here.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
    found = here.known.read(path, step=name)
    if found is None:
        with torch.random.fork_rng(devices=[]):
            made = make()
        here.folder.mkdir(parents=True, exist_ok=True)
        here.known.write(path, made, here.looked, step=name)
        found = {"cell": from_json(as_json(made))}  # what a later reading gives
    value: T = found["cell"]
    return value


def trained(problem: Problem, recipe: Recipe) -> Run:
    """The run of a recipe; while it is trained it is saved every half minute."""
    _hears.get()("training")
    here = _steps.get()
    if here is None:
        return train(problem, recipe, progress=False)
    name = fingerprint(Program(problem, recipe, None))[:16]
    return kept.trained(problem, recipe, here.folder / f"run-{name}", False)


def reruns(run: Run, removed: Sequence[Perturbation]) -> Tensor:
    """lam_S without each of these (n, p); those that were run before are not run again."""
    _hears.get()(f"{len(removed)} reruns")
    here = _steps.get()
    return run.replay_many(removed, store=None if here is None else here.folder / "reruns")
