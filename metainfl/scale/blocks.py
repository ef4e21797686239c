"""The file of streamed scores: what is in it, block by block, and whether that is what was written.

Beside it lies NAME.progress: of which question, how many targets a block, and the digest of each block that
is done. Its blocks are read again when it is opened: a file that was cut, replaced or changed is set aside
under another name, and told, and begun anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.plain import as_json
from metainfl.pools.aside import set_aside
from metainfl.whole_file import says_where, whole_file

DTYPES = {"float32": np.float32, "float64": np.float64}


class Blocks:
    """Rows of targets in a .npy file, of one question; `done` of them are there."""

    def __init__(
        self, path: Path, question: str, shape: tuple[int, int], dtype: str, block: int
    ) -> None:
        self.path, self.question, self.block = path, question, block
        self.beside = path.with_name(path.name + ".progress")
        self.digests = self._kept()
        if path.exists():
            try:
                self.file = self._opened(shape, dtype)
                self._compare()
                return
            except ValueError as error:
                if self.digests:  # else a kill came while it was made
                    set_aside(path, error, "its scores are computed again")
        self.digests = []
        self._note()  # before the file: a kill between the two leaves one that goes on
        self.file = np.lib.format.open_memmap(path, "w+", DTYPES[dtype], shape)

    @property
    def done(self) -> int:
        """Targets that the file holds."""
        return min(len(self.digests) * self.block, len(self.file))

    def add(self, rows: np.ndarray) -> None:
        """The next block, on disk when this returns. Written as a file is: through a memory map, a full disk
        would end the process by a signal.
        """
        a, row = self.done, self.file.shape[1] * self.file.itemsize
        rows = np.ascontiguousarray(rows, self.file.dtype)
        with says_where(self.path), self.path.open("r+b") as file:
            file.seek(self.file.offset + a * row)
            file.write(rows.tobytes())
            file.flush()
            os.fsync(file.fileno())
        self.digests.append(_digest(rows))
        self._note()

    def _note(self) -> None:
        with whole_file(self.beside) as half:
            half.write_text(as_json({"question": self.question, "blocks": self.digests}))

    def _kept(self) -> list[str]:
        """Digests of what is done; refused where it is of something else."""
        try:
            kept = json.loads(self.beside.read_text())
        except FileNotFoundError:
            if self.path.exists():
                raise InvalidOption(
                    f"{self.path} is there and was not begun by a call like this; name another file, or "
                    "delete it"
                ) from None
            return []
        except ValueError as error:
            raise InvalidOption(f"{self.beside} cannot be read ({error}); delete it") from error
        if not isinstance(kept, dict) or not isinstance(kept.get("blocks"), list):
            raise InvalidOption(
                f"{self.beside} cannot be read (it was not written by this version); delete it and "
                f"{self.path.name}"
            )
        if kept.get("question") != self.question:
            raise InvalidOption(
                f"{self.path} holds scores of another run, problem, targets or perturbations; name another "
                "file, or delete it"
            )
        return kept["blocks"]

    def _opened(self, shape: tuple[int, int], dtype: str) -> np.memmap:
        try:
            file = np.lib.format.open_memmap(self.path, mode="r")  # r+ makes a short file longer
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise ValueError(f"it is cut short, or no .npy file: {error}") from error
        if file.shape != shape or file.dtype != DTYPES[dtype]:
            raise ValueError(f"it holds {file.dtype} {file.shape}, not {dtype} {shape}")
        whole = file.offset + file.nbytes
        if self.path.stat().st_size != whole:
            raise ValueError(f"it is {self.path.stat().st_size} bytes long, not {whole}")
        return np.lib.format.open_memmap(self.path, mode="r+")

    def _compare(self) -> None:
        if len(self.digests) > -(-len(self.file) // self.block):
            raise ValueError("it has fewer rows than are said to be done")
        for k, known in enumerate(self.digests):
            a, b = k * self.block, min((k + 1) * self.block, len(self.file))
            if _digest(self.file[a:b]) != known:
                raise ValueError(
                    f"it holds other numbers than were written for targets {a} to {b - 1}"
                )


def _digest(rows: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()[:32]
