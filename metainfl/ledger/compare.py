"""Two runs side by side: which numbers changed, machine-dependent ones left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metainfl.errors import InvalidProblem
from metainfl.ledger.store import Store


@dataclass(frozen=True)
class Change:
    """One number that differs: its cell, its name, both values."""

    cell: str
    name: str
    before: object
    after: object


def compare(a: Path, b: Path, rtol: float = 1e-6) -> tuple[list[Change], list[str], list[str]]:
    """(changes beyond rtol, cells only in a, cells only in b). Costs and times are not compared."""
    for folder in (a, b):
        if not (folder / "cells.jsonl").is_file():
            raise InvalidProblem(f"{folder} holds no results: there is no cells.jsonl in it")
    left, right = Store(a).rows, Store(b).rows
    changes = []
    for cell in left:
        if cell not in right:
            continue
        x, y = left[cell]["result"], right[cell]["result"]
        for name in sorted(x.keys() | y.keys()):
            if not name.startswith("cost") and not same(x.get(name), y.get(name), rtol):
                changes.append(Change(cell, name, x.get(name), y.get(name)))
    return changes, [c for c in left if c not in right], [c for c in right if c not in left]


def same(x: object, y: object, rtol: float) -> bool:
    """Equal, or numbers within rtol; below 1e-9 both are rounding."""
    if isinstance(x, (int, float)) and isinstance(y, (int, float)):
        return abs(x - y) <= rtol * max(abs(x), abs(y)) + 1e-9
    return x == y
