"""Columns of a table in a file: ARFF, as OpenML publishes tables, or CSV with names in its first line."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import arff

from metainfl.errors import BrokenData

ENDS = (".arff", ".arff.gz", ".csv", ".csv.gz")
_PARTS = re.compile(r"(.*?^[ \t]*@data[^\n]*\n)(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_DOUBLE = re.compile(r"('[^'\n]*')|\"([^\"'\n]*)\"")
_SPACES = re.compile(r"('[^'\n]*'|\"[^\"\n]*\")|[ \t]*,[ \t]*")
_FIRST = re.compile(r"^[ \t]*[^%{\s][^\n]*$", re.MULTILINE)  # row that is neither remark nor sparse
MISSING = frozenset(("", "?", "na", "nan"))


@dataclass(frozen=True, eq=False)
class Column:
    """`values` (n,): float64, NaN where nothing is known, or words, "" where nothing is."""

    name: str
    values: np.ndarray

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.values.dtype.kind == "f"

    @property
    def missing(self) -> np.ndarray:
        """Where nothing is known (n,)."""
        return np.isnan(self.values) if self.numeric else self.values == ""


def columns_of(path: Path) -> list[Column]:
    """The columns of a file, one length all; `BrokenData` says what is wrong with it, and where."""
    text = _text(path)
    found = _arff(path, text) if ".arff" in path.suffixes else _csv(path, text)
    names = [c.name for c in found]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise BrokenData(f"{path} has two columns called {twice[0]!r}")
    if len(found) < 2 or not len(found[0].values):
        raise BrokenData(f"{path} has {len(found)} columns and no row to learn from")
    for c in found:
        if c.numeric and np.isinf(c.values).any():
            row = int(np.flatnonzero(np.isinf(c.values))[0])
            raise BrokenData(f"{path}: column {c.name!r} is infinite in row {row + 1}")
    return found


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as e:
        raise BrokenData(f"{path} is a damaged or cut gzip file: {e}; fetch it again") from e
    except UnicodeDecodeError as e:
        raise BrokenData(f"{path} is no text in UTF-8: {e}") from e


def _arff(path: Path, text: str) -> list[Column]:
    # scipy knows single quotes in the head alone, and takes " 'a'" for another word than 'a'
    text = _DOUBLE.sub(lambda found: found[1] or f"'{found[2]}'", text)
    if parts := _PARTS.match(text):
        rest = _SPACES.sub(lambda found: found[1] or ",", parts[2])
        text = parts[1] + _FIRST.sub(lambda found: _quoted(found[0]), rest, count=1)
    try:
        rows, about = arff.loadarff(io.StringIO(text))
    except (arff.ArffError, NotImplementedError, ValueError, LookupError, StopIteration) as e:
        raise BrokenData(
            f"{path} is no ARFF file of numbers and of words that it declares: {e or type(e).__name__}"
        ) from e
    found = []
    for name, kind in zip(about.names(), about.types(), strict=True):
        values: np.ndarray = np.atleast_1d(rows[name])
        if kind == "nominal":
            words = [v.decode("utf-8").strip() for v in values.tolist()]
            values = np.array(["" if w.lower() in MISSING else w for w in words])
        elif kind != "numeric":
            raise BrokenData(
                f"{path}: column {name!r} is of kind {kind}, neither numbers nor words"
            )
        found.append(Column(name, values.astype(float) if kind == "numeric" else values))
    return found


def _quoted(row: str) -> str:
    """A row with quotes around each entry: scipy takes from the first row how all others are quoted."""
    entries = next(csv.reader([row.strip()], quotechar="'"))
    return row if "'" in "".join(entries) else ",".join(f"'{e.strip()}'" for e in entries)


def _csv(path: Path, text: str) -> list[Column]:
    first = text.splitlines()[0] if text.strip() else ""
    cut = max(",;\t", key=first.count)
    try:
        rows = [
            r
            for r in csv.reader(
                io.StringIO(text, newline=""), delimiter=cut, skipinitialspace=True, strict=True
            )
            if r
        ]
    except csv.Error as e:
        raise BrokenData(f"{path} is no CSV file: {e}") from e
    names = [n.strip() for n in rows[0]] if rows else []
    if not names or any(_number(n) is not None or not n for n in names):
        raise BrokenData(f"{path} begins with {first[:60]!r}; expected the names of its columns")
    for k, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise BrokenData(
                f"{path}: row {k} has {len(row)} entries, and there are {len(names)} names"
            )
    return [_column(n, [r[j].strip() for r in rows[1:]]) for j, n in enumerate(names)]


def _column(name: str, words: list[str]) -> Column:
    known = ["" if w.lower() in MISSING else w for w in words]
    numbers = [math.nan if not w else _number(w) for w in known]
    if any(v is None for v in numbers) or not any(known):
        return Column(name, np.array(known, dtype=str))
    return Column(name, np.array(numbers, dtype=float))


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
