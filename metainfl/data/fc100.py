"""FC100 (Oreshkin et al. 2018): CIFAR-100's classes split by superclass, 32 x 32 in colour."""

from __future__ import annotations

from pathlib import Path

from metainfl.data.labelled import LabelledData
from metainfl.data.locate import first_of, folders
from metainfl.data.pickles import read_pickle
from metainfl.data.tables import from_mapping
from metainfl.data.typed import typed
from metainfl.errors import MissingData
from metainfl.numbers import among

SOURCE = (
    "FC100 by Boris Oreshkin and others as pickled for MetaOptNet (repository kjunelee/MetaOptNet on "
    "GitHub, FC100.zip): FC100_train.pickle, FC100_val.pickle, FC100_test.pickle in a folder FC100"
)


@typed
def read_fc100(directory: str | Path | None = None, *, split: str = "train") -> LabelledData:
    """Images (n, 32, 32, 3) as uint8; `split` is "train" (60 classes), "val" (20) or "test" (20).

    Classes carry the numbers of CIFAR-100. The pickle is read without running anything in it. Raises
    `MissingData`, `BrokenData`.
    """
    places = folders(directory, ("FC100", "fc100"), SOURCE)
    if not among(split, ("train", "val", "test")):
        raise MissingData(f'FC100 has the splits "train", "val" and "test", not {split!r}')
    path = first_of(places, [f"FC100_{split}.pickle", f"FC100_{split}.pkl"], SOURCE)
    return from_mapping("fc100", path, read_pickle(path))
