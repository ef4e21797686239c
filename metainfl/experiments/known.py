"""Files of an experiment's numbers: whole or not there, and read only where they answer what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metainfl.data.looked import contents
from metainfl.experiments.experiment import Cell
from metainfl.plain import as_json, from_json
from metainfl.whole_file import whole_file


class Known:
    """What makes a number the one that is asked for: its experiment's version, its data, its device."""

    def __init__(
        self, version: int, size: str, root: Path | None, device: str | None = None
    ) -> None:
        self.version, self.size, self.root, self.device = version, size, root, device
        self.digests: dict[str, str] = {}

    def write(self, path: Path, cell: Any, looked: Sequence[Sequence[str]], **more: Any) -> None:
        """The file that `read` reads; `data` is null where no data set was looked for."""
        data = {"looked": looked, "digest": self._digest(looked)} if looked else None
        if self.device is not None:
            more["device"] = self.device
        with whole_file(path) as half:
            half.write_text(
                as_json({"version": self.version, "data": data, "cell": cell, **more}) + "\n"
            )

    def read(self, path: Path, **more: Any) -> dict[str, Any] | None:
        """What was written there, if it answers; `more` must be as it was."""
        try:
            kept: dict[str, Any] = from_json(path.read_text())
            if kept["version"] != self.version or any(kept[k] != v for k, v in more.items()):
                return None
            kept["cell"]
            if kept.get("device") != self.device:
                return None
            if "data" not in kept:  # of an earlier version: small ones read no data
                return kept if self.size == "small" or self.root is None else None
            data = kept["data"]
            same = data is None or data["digest"] == self._digest(data["looked"])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not there, cut short, or something else
        return kept if same else None

    def cell(self, path: Path) -> Cell | None:
        """The cell in the file, if it answers."""
        kept = self.read(path)
        return None if kept is None else kept["cell"]

    def _digest(self, looked: Sequence[Sequence[str]]) -> str:
        key = as_json(looked)
        if key not in self.digests:
            self.digests[key] = contents(self.root, looked)
        return self.digests[key]
