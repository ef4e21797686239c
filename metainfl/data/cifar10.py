"""CIFAR-10 (Krizhevsky 2009): ten classes, 32 x 32 in colour, from the published Python version."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from metainfl.data.labelled import LabelledData
from metainfl.data.locate import first_of, folders
from metainfl.data.pickles import read_pickle
from metainfl.data.tables import with_text_keys
from metainfl.data.typed import typed
from metainfl.errors import BrokenData, MissingData

SOURCE = (
    "CIFAR-10 by Alex Krizhevsky, published by the University of Toronto, Python version: "
    "cifar-10-python.tar.gz, or its folder cifar-10-batches-py, in a folder cifar10"
)
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@typed
def read_cifar10(directory: str | Path | None = None, *, split: str = "train") -> LabelledData:
    """Images (n, 32, 32, 3) as uint8; `split` is "train" (50,000) or "test" (10,000).

    The batches are read without running anything in them. Raises `MissingData`, `BrokenData`.
    """
    places = folders(directory, ("cifar10", "cifar-10", "CIFAR10"), SOURCE)
    batches = {"train": [f"data_batch_{k}" for k in range(1, 6)], "test": ["test_batch"]}.get(split)
    if batches is None:
        raise MissingData(f'CIFAR-10 has the splits "train" and "test", not {split!r}')
    home = first_of(places, ("cifar-10-batches-py", "cifar-10-python.tar.gz", batches[0]), SOURCE)
    home = home.parent if home.name == batches[0] else home
    parts = [_batch(home, name) for name in batches]
    x = np.concatenate([p[0] for p in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = torch.from_numpy(np.concatenate([p[1] for p in parts]).astype(np.int64))
    return LabelledData("cifar10", torch.from_numpy(np.ascontiguousarray(x)), labels, CLASSES)


def _batch(home: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, 3072) and labels (n,) of one batch, from the folder or the archive."""
    path = home / name
    content = with_text_keys(read_pickle(path, _content(home, name)))
    rows, labels = (np.asarray(content.get(k)) if isinstance(content, dict) else np.empty(0)
                    for k in ("data", "labels"))  # fmt: skip
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 3072:
        raise BrokenData(f"{path} holds no rows of 3,072 bytes under 'data'")
    if labels.shape != (len(rows),) or labels.dtype.kind not in "iu":
        raise BrokenData(f"{path} has {len(rows)} images and labels of shape {labels.shape}")
    low, high = (int(np.min(labels)), int(np.max(labels))) if labels.size else (0, 9)
    if low < 0 or high > 9:
        raise BrokenData(f"{path} has labels from {low} to {high}, expected 0 to 9")
    return rows, labels


def _content(home: Path, name: str) -> bytes:
    if home.is_dir():
        return first_of([home], [name], SOURCE).read_bytes()
    try:
        with tarfile.open(home) as archive:
            member = next((m for m in archive if m.isfile() and Path(m.name).name == name), None)
            file = None if member is None else archive.extractfile(member)
            content = None if file is None else file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as e:
        raise BrokenData(f"{home} is a damaged or cut archive: {e}; fetch it again") from e
    if content is None:
        raise BrokenData(f"{home} holds no {name}. Wanted: {SOURCE}")
    return content
