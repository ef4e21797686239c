"""A table in a file as features: numbers standardised, words as 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from metainfl.data.labelled import LabelledData
from metainfl.data.locate import first_of, folders
from metainfl.data.table_files import ENDS, Column, columns_of
from metainfl.data.typed import typed
from metainfl.errors import BrokenData, InvalidTasks, MissingData
from metainfl.numbers import among, said

LONGEST = 200  # of a file's name
MOST = 200  # different words of a column that are made into features


@typed
def read_tabular(
    directory: str | Path | None = None,
    *,
    table: str,
    label: str | None = None,
    leave_out: Sequence[str] = (),
    missing: str = "refuse",
) -> LabelledData:
    """Features (n, d) float64 and classes of TABLE.arff or TABLE.csv, gzipped or not, in DIR or DIR/tables.

    label      the column of the classes, the last one by default; classes are its values, sorted
    leave_out  columns that are no features: names, identities
    missing    what to do with rows in which something is not known: "refuse" or "drop"
    Numbers have mean 0 and deviation 1 (0 where they are all one); a column of words becomes a 0 or 1 for
    each word, or a single one where there are two words. Raises `MissingData`, `BrokenData`.
    """
    if not among(missing, ("refuse", "drop")):
        raise InvalidTasks(f'missing is "refuse" or "drop", not {missing!r}')
    if isinstance(leave_out, str):
        raise InvalidTasks(f"leave_out is a list of names of columns, not the word {leave_out!r}")
    if not table or Path(table).name != table or len(table) > LONGEST or "\0" in table:
        raise MissingData(
            f"a table is a file's name without its end, such as adult, not {said(table)}"
        )
    source = (
        f"the table {table}: {table}.arff, as OpenML publishes tables, or {table}.csv with the names of its "
        "columns in the first line, gzipped or not, in a folder tables"
    )
    path = first_of(
        folders(directory, ("tables", table), source), [table + e for e in ENDS], source
    )
    columns = {c.name: c for c in columns_of(path)}
    label = label if label is not None else list(columns)[-1]
    if absent := [n for n in (label, *leave_out) if n not in columns]:
        raise BrokenData(f"{path} has no column {absent[0]!r}; it has {', '.join(columns)}")
    used = {n: c for n, c in columns.items() if n == label or n not in leave_out}
    kept = _known(path, used, missing)
    classes, labels = np.unique(_words(used[label])[kept], return_inverse=True)
    if not 2 <= len(classes) <= MOST:
        raise BrokenData(
            f"{path}: column {label!r} has {len(classes)} different values, expected classes, 2 to {MOST}; "
            f"label=... names another column of {', '.join(columns)}"
        )
    parts = [_features(path, c, kept) for n, c in used.items() if n != label]
    x = np.concatenate(parts, axis=1) if parts else np.empty((len(labels), 0))
    if not x.shape[1]:
        raise BrokenData(f"{path} has no column that tells rows apart, apart from {label!r}")
    numbers = torch.from_numpy(labels.astype(np.int64))
    return LabelledData(table, torch.from_numpy(x), numbers, tuple(str(c) for c in classes))


def _known(path: Path, columns: dict[str, Column], missing: str) -> np.ndarray:
    """Which rows are used (n,)."""
    unknown = {n: c.missing for n, c in columns.items()}
    gone = np.any(np.stack(list(unknown.values())), axis=0)
    if missing == "refuse" and gone.any():
        name = next(n for n, u in unknown.items() if u.any())
        row = int(np.flatnonzero(unknown[name])[0])
        raise BrokenData(
            f"{path}: {int(gone.sum())} of {len(gone)} rows lack something, row {row + 1} its {name!r}; "
            'missing="drop" leaves them out'
        )
    if gone.all():
        raise BrokenData(f"{path}: every row lacks something; leave_out the columns that do")
    return ~gone


def _features(path: Path, column: Column, kept: np.ndarray) -> np.ndarray:
    """(n, k) of one column."""
    values = column.values[kept]
    if column.numeric:
        spread = values.std()
        return ((values - values.mean()) / (spread if spread > 0 else 1.0))[:, None]
    words, which = np.unique(values, return_inverse=True)
    if len(words) > MOST:
        raise BrokenData(
            f"{path}: column {column.name!r} has {len(words)} different words, more than {MOST}: if it names "
            f"the rows, leave_out=[{column.name!r}]"
        )
    every = (which[:, None] == np.arange(len(words))).astype(float)
    return every[:, 1:] if len(words) <= 2 else every


def _words(column: Column) -> np.ndarray:
    """Values as words; a number that is whole without its point."""
    if not column.numeric:
        return column.values
    return np.array([str(int(v)) if v.is_integer() else repr(v) for v in column.values.tolist()])
