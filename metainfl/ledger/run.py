"""Running questions: cell by cell, into a store, with what is done kept whatever happens."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metainfl.errors import InvalidProblem, MetainflError
from metainfl.ledger.every import every_question
from metainfl.ledger.question import Question
from metainfl.ledger.store import Cell, Store
from metainfl.plain import write_json
from metainfl_reference.errors import TruthError

Progress = Callable[[int, int, str], None]


def chosen(names: Sequence[str]) -> list[Question]:
    """The named questions, or all."""
    known = every_question()
    unknown = [n for n in names if n not in known]
    if unknown:
        raise InvalidProblem(f"no question {unknown[0]!r}; there are {', '.join(known)}")
    twice = [n for k, n in enumerate(names) if n in names[:k]]
    if twice:
        raise InvalidProblem(f"the question {twice[0]!r} is given twice; once is enough")
    return [known[n] for n in names] if names else list(known.values())


def cells_of(
    questions: Sequence[Question], quick: bool, families: Sequence[str] = (), device: str = "cpu"
) -> list[tuple[Question, Cell]]:
    """Every cell of the questions; `families` keeps those that name one of them.

    `device` goes to the questions that run production code on it; the others are the same everywhere.
    """
    out = []
    for q in questions:
        takes = "device" in inspect.signature(q.compute).parameters
        for parameters in q.cells(quick):
            if families and parameters.get("family") not in families:
                continue
            where = {"device": device} if takes and device != "cpu" else {}
            out.append((q, {"question": q.name, **parameters, **where}))
    return out


def run(
    store: Store,
    work: Sequence[tuple[Question, Cell]],
    progress: Progress = lambda done, total, what: None,
) -> None:
    """Compute what the store does not have yet. Ctrl-C loses the cell in hand."""
    todo = [(q, c) for q, c in work if not store.has(c)]
    before = len(work) - len(todo)
    for done, (q, cell) in enumerate(todo):
        progress(before + done, len(work), words(cell))
        started = time.perf_counter()
        parameters = {k: v for k, v in cell.items() if k != "question"}
        try:
            result = q.compute(**parameters)
        except (MetainflError, TruthError) as error:  # divergence is an answer too
            result = {"failed": f"{type(error).__name__}: {error}"}
        store.add(cell, clean(result), time.perf_counter() - started)
    progress(len(work), len(work), "done")


def clean(result: dict[str, Any]) -> dict[str, Any]:
    """Numbers that are not finite become null: JSON has no nan."""
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in result.items()
    }


def words(cell: Cell) -> str:
    """`ledger: proximal_ridge, task, exact, Gamma, dense`."""
    rest = ", ".join(str(v) for k, v in cell.items() if k != "question")
    return f"{cell['question']}: {rest}"


def environment_file(folder: Path) -> None:
    """What the numbers were computed with."""
    from metainfl.report.environment import environment

    write_json(folder / "environment.json", environment())
