"""Values of subsets that are known already, in memory and in a file that survives a kill.

The file holds one JSON line a subset, behind a first line that says which game it belongs to. A line is
written as soon as its value is there; one that was cut short is dropped when the file is opened again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.errors import BrokenData, InvalidOption
from metainfl.games.game import Array, Masks
from metainfl.plain import as_json
from metainfl.problem.files import named, new_folder


def key(mask: Masks) -> str:
    """`0110`: one character a player."""
    return "".join("1" if m else "0" for m in mask)


class Memo:
    """Known values by mask; with a `path`, on disk too. `identity` is what the values depend on."""

    def __init__(self, n: int, path: str | Path | None = None, identity: str = "") -> None:
        self.head = {"players": n, "game": identity}
        self.values: dict[str, Array] = {}
        self.path = None if path is None else named(path, "store", InvalidOption)
        if self.path is None:
            return
        if self.path.exists() and self.path.stat().st_size:
            self._read(self.path)
        else:
            new_folder(self.path.parent, InvalidOption)
            self._append(self.head)

    def _read(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)  # a line that a kill cut short
        lines = data[:whole].decode().splitlines()
        if not lines:
            self._append(self.head)
            return
        for number, line in enumerate(lines, 1):
            try:
                found = json.loads(line)
                if number == 1:
                    self._same(path, found)
                    continue
                value = np.array(found["value"], dtype=float)
                if len(found["mask"]) != self.head["players"] or not np.isfinite(value).all():
                    raise ValueError("not a value of this game")
                self.values[found["mask"]] = value
            except (ValueError, KeyError, TypeError) as error:
                if isinstance(error, InvalidOption):
                    raise
                raise BrokenData(
                    f"{path}, line {number}: not a value of a subset ({error}); delete the line to have "
                    "it computed again"
                ) from error

    def _same(self, path: Path, found: Any) -> None:
        if not isinstance(found, dict) or set(found) != set(self.head):
            raise ValueError("the first line must say which game the file belongs to")
        if found != self.head:
            raise InvalidOption(
                f"{path} holds the values of another game ({found}, not {self.head}): other data, weights, "
                "target or start. Give another file"
            )

    def _append(self, row: dict[str, Any]) -> None:
        if self.path is not None:
            line = as_json(row) + "\n"
            with self.path.open("ab") as file:  # one write: a kill leaves at most one line in parts
                file.write(line.encode())

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __len__(self) -> int:
        return len(self.values)

    def add(self, name: str, value: Array) -> None:
        """One more value, with the operating system when this returns."""
        self._append({"mask": name, "value": value.tolist()})
        self.values[name] = value
