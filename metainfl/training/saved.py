"""Runs on disk, without pickle: `run.json` (recipe, how it was computed) and `run.safetensors` (states).

The states carry the digest of their run.json: two files of different runs are refused. Both are written
beside the old ones before these are replaced, so that a kill leaves the old run or the new one.
The problem itself, its model and data, is not written: `load` is given it, and refuses another one.
"""

from __future__ import annotations

import hashlib
import json
import math
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import BrokenRun, InvalidRecipe
from metainfl.plain import as_json
from metainfl.problem.files import named, new_folder
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.fingerprint import fingerprint
from metainfl.training.program import Program
from metainfl.training.recipe import Recipe
from metainfl.training.run import Run
from metainfl.training.state import State
from metainfl.whole_file import says_where

VERSION = 4
FACTS, STATES = "run.json", "run.safetensors"


def save(run: Run, folder: str | Path) -> None:
    """Write a run, finished or not, into a folder (made if need be)."""
    if not isinstance(run, Run) or not isinstance(folder, (str, PathLike)):
        raise InvalidRecipe(
            f"the order is metainfl.training.save(run, folder); got {_kind(run)}, {_kind(folder)}. What is "
            "no run (tasks, lam, influences) is written by metainfl.save(path, value), in the other order"
        )
    folder = new_folder(folder, InvalidRecipe)
    p = run.program
    tensors = {"losses": torch.tensor(run.losses, dtype=torch.float64, device="cpu")}
    if p.rounding:
        tensors["rounding"] = torch.stack([r.cpu() for r in p.rounding])
    states = {"start": p.start, "last": run.state}
    states |= {f"at{t}": s for t, s in run.kept.states.items() if 0 < t < run.done}
    for name, s in states.items():
        for i, t in enumerate((s.lam, *s.moments)):
            tensors[f"{name}.{i}"] = t.detach().cpu().clone().contiguous()
    facts = {
        "version": VERSION,
        "recipe": json.loads(p.recipe.to_json()),
        "batches": p.batches,
        "count": p.start.steps,
        "done": run.done,
        "until": run.until,
        "keep": run.kept.keep,
        "product": p.plan.mode,
        "chunk": p.plan.chunk,
        "fingerprint": fingerprint(p),
    }
    text = as_json(facts)
    with says_where(folder):
        save_file(tensors, folder / f"{STATES}.part", metadata={FACTS: _digest(text)})
        (folder / f"{FACTS}.part").write_text(text)
    for name in (STATES, FACTS):  # a kill between the two is mended by `_read`
        (folder / f"{name}.part").replace(folder / name)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(folder: Path) -> tuple[str, dict[str, Tensor]]:
    """The text of run.json and the states that belong to it; refused where they are of two runs."""
    text, half = (folder / FACTS).read_text(), folder / f"{FACTS}.part"
    with safe_open(folder / STATES, framework="pt") as file:
        own = (file.metadata() or {}).get(FACTS)
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118  (no iterator)
    found = json.loads(text)["version"]
    if found != VERSION:
        raise InvalidRecipe(f"{folder} was written by another version ({found}): train it again")
    if own != _digest(text) and half.exists() and own == _digest(half.read_text()):
        text = half.read_text()
    if own != _digest(text):
        raise BrokenRun(
            f"{FACTS} and {STATES} in {folder} are of different runs, or one was changed: put back the two "
            "that were saved together, or train again"
        )
    return text, tensors


def load(folder: str | Path, problem: Problem) -> Run:
    """The run in a folder; `problem` must be the one it was made with. `resume` goes on with it."""
    if not isinstance(folder, (str, PathLike)) or not isinstance(problem, Problem):
        raise InvalidRecipe(
            f"the order is metainfl.training.load(folder, problem); got {_kind(folder)}, {_kind(problem)}"
        )
    folder = named(folder, "folder", InvalidRecipe)
    try:
        text, tensors = _read(folder)
        facts = json.loads(text)
        recipe = Recipe.from_json(as_json(facts["recipe"]))
        done, count, keep = int(facts["done"]), int(facts["count"]), int(facts["keep"])
        until = int(facts.get("until", 0))
        moments = range(recipe.optimiser.n_moments)

        def state(name: str, t: int) -> State:
            rest = tuple(tensors[f"{name}.{i + 1}"] for i in moments)
            return State(tensors[f"{name}.0"], rest, count + t)

        names = {name.split(".")[0] for name in tensors if name.startswith("at")}
        start, last = state("start", 0), state("last", done)
        between = {int(n[2:]): state(n, int(n[2:])) for n in names}
        losses = tensors["losses"].tolist()
        # computed as it was, so that what is computed again agrees to the last digit
        problem = problem.replaced(product=facts["product"], chunk=facts["chunk"])
        same, batches = facts["fingerprint"], tuple(map(tuple, facts["batches"]))
    except InvalidRecipe:
        raise
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BrokenRun(f"{folder} does not hold a run: {error!r}") from error
    program = Program(problem, recipe, start)
    program.rounding = [r.to(program.start.lam) for r in tensors.get("rounding", ())]
    if program.batches != batches or fingerprint(program) != same:
        raise InvalidRecipe(
            f"the run in {folder} was made with another problem (tasks, weights, losses, regulariser, "
            "adaptation, constants of the model, or code that was edited since): give load the "
            "problem it was trained on"
        )
    run = Run(Checkpoints(program, keep))
    like = program.start.lam
    for t, s in sorted({**between, done: last}.items()):
        moved = State(s.lam.to(like), tuple(m.to(like) for m in s.moments), s.steps)
        if math.isfinite(float(moved.lam.sum())):
            run.kept.offer(t, moved)
        run.state = moved
    run._losses, run.until = losses, until
    return run
