"""Results on disk, one line a cell: a run that is killed goes on where it stopped.

A line is appended, flushed and synced when its cell is done, so at most the cell in hand is lost; a line
cut short by a kill is dropped on reading. A cell is known by its parameters.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from metainfl.errors import InvalidProblem
from metainfl.plain import as_json

Cell = dict[str, Any]
Row = dict[str, Any]


def key(cell: Cell) -> str:
    """A cell's name: its parameters in a fixed order."""
    return as_json(cell, sort_keys=True)


class Store:
    """`cells.jsonl` in a folder; `rows` holds parameters and results together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "cells.jsonl"
        self.rows: dict[str, Row] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        text = self.path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.path.write_text(whole)  # the last line was cut short
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = json.loads(line)
                self.rows[key(row["cell"])] = row
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise InvalidProblem(
                    f"{self.path}, line {number}: not a result ({error}); delete the line to have "
                    "its cell computed again"
                ) from error

    def has(self, cell: Cell) -> bool:
        """Whether the cell is done."""
        return key(cell) in self.rows

    def add(self, cell: Cell, result: dict[str, Any], seconds: float) -> None:
        """One more line, on disk when this returns."""
        row = {"cell": cell, "result": result, "seconds": seconds}
        with self.path.open("a") as file:
            file.write(as_json(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows[key(cell)] = row

    def of(self, cells: list[Cell]) -> list[Row]:
        """Parameters and results of those cells that are done, flattened, in the cells' order."""
        found = [self.rows[key(c)] for c in cells if key(c) in self.rows]
        return [{**r["cell"], **r["result"], "seconds": r["seconds"]} for r in found]
