"""MNIST (LeCun et al. 1998) and EMNIST (Cohen et al. 2017): IDX files, gzipped or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from metainfl.data.idx import read_idx
from metainfl.data.labelled import LabelledData
from metainfl.data.locate import first_of, folders
from metainfl.data.typed import typed
from metainfl.errors import BrokenData, MissingData
from metainfl.numbers import among

SOURCE = (
    "MNIST by Yann LeCun, Corinna Cortes and Christopher Burges: train-images-idx3-ubyte, "
    "train-labels-idx1-ubyte and the two t10k files, gzipped or not, in a folder mnist"
)
EMNIST_SOURCE = (
    "EMNIST by Gregory Cohen and others, published by NIST (EMNIST dataset, binary format, gzip.zip): "
    "emnist-SPLIT-train-images-idx3-ubyte and its kin, gzipped or not, in a folder emnist"
)
#: the published archive unpacks into a folder gzip
EMNIST_FOLDERS = (
    *(f"{home}{inside}" for home in ("emnist", "EMNIST/raw", "EMNIST") for inside in ("", "/gzip")),
    "gzip",
    "emnist_source_files",
)
EMNIST_SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
_DIGITS = tuple("0123456789")


@typed
def read_mnist(directory: str | Path | None = None, *, split: str = "train") -> LabelledData:
    """Images (n, 28, 28) as uint8, ink 255 on paper 0; `split` is "train" (60,000) or "test" (10,000).

    Raises `MissingData`, `BrokenData`.
    """
    places = folders(directory, ("mnist", "MNIST/raw", "MNIST"), SOURCE)
    stem = {"train": "train", "test": "t10k"}.get(split)
    if stem is None:
        raise MissingData(f'MNIST has the splits "train" and "test", not {split!r}')
    x, labels = _pair(places, stem, SOURCE)
    if int(labels.max()) > 9:
        raise BrokenData(f"the labels of MNIST's {split} split reach {int(labels.max())}, not 9")
    return LabelledData("mnist", x, labels, _DIGITS)


@typed
def read_emnist(
    directory: str | Path | None = None, *, kind: str = "balanced", split: str = "train"
) -> LabelledData:
    """Images (n, 28, 28) as uint8, ink 255, upright (the files hold them transposed).

    `kind` is one of the six published splits. Class names are the characters of the mapping file where
    it lies beside, else the numbers of the labels (letters: 1 to 26). Raises `MissingData`, `BrokenData`.
    """
    places = folders(directory, EMNIST_FOLDERS, EMNIST_SOURCE)
    if not among(kind, EMNIST_SPLITS) or not among(split, ("train", "test")):
        raise MissingData(
            f"EMNIST has {', '.join(EMNIST_SPLITS)}, each with train and test, not {kind!r}, {split!r}"
        )
    x, labels = _pair(places, f"emnist-{kind}-{split}", EMNIST_SOURCE)
    values, numbers = labels.unique(return_inverse=True)
    names = _mapping(places, f"emnist-{kind}-mapping.txt")
    classes = tuple(names.get(int(v), str(int(v))) for v in values)
    return LabelledData(f"emnist-{kind}", x.transpose(1, 2).contiguous(), numbers, classes)


def _pair(places: Sequence[Path], stem: str, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of one split, which must be of one length."""
    images, labels = (
        first_of(
            places,
            [f"{stem}-{what}{dot}idx{n}-ubyte{gz}" for dot in "-." for gz in ("", ".gz")],
            source,
        )
        for what, n in (("images", 3), ("labels", 1))
    )
    x, y = read_idx(images, 3), read_idx(labels, 1)
    if len(x) != len(y) or len(x) == 0:
        raise BrokenData(f"{images} has {len(x)} images, {labels} {len(y)} labels")
    if x.shape[1:] != (28, 28):
        raise BrokenData(f"{images} has images of {x.shape[1]} x {x.shape[2]}, expected 28 x 28")
    return torch.from_numpy(x), torch.from_numpy(y.astype("int64"))


def _mapping(places: Sequence[Path], name: str) -> dict[int, str]:
    """Label to character, from lines of a label and code points (the first is the upper case)."""
    for place in places:
        if (place / name).is_file():
            try:
                rows = [
                    r.split() for r in (place / name).read_text("ascii").splitlines() if r.strip()
                ]
                return {int(r[0]): chr(int(r[1])) for r in rows}
            except (ValueError, IndexError, OverflowError) as e:
                raise BrokenData(
                    f"{place / name} is no EMNIST mapping of labels to code points: {e}"
                ) from e
    return {}
