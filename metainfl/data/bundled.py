"""Data that scikit-learn brings along: nothing to fetch."""

from __future__ import annotations

import torch

from metainfl.data.labelled import LabelledData
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import among

TABLES = ("breast_cancer", "wine", "iris")


def read_digits() -> LabelledData:
    """1,797 handwritten digits (n, 8, 8) as floats in 0..1, ink 1; steps of 1/16."""
    from sklearn.datasets import load_digits  # slow to import

    found = load_digits()
    x, labels = torch.from_numpy(found.images / 16.0), torch.from_numpy(found.target)
    return LabelledData("digits", x, labels.long(), tuple("0123456789"))


@typed
def read_table(name: str) -> LabelledData:
    """A bundled table as features (n, d), each of mean 0 and deviation 1, float64.

    "breast_cancer" (569 rows, 30 features, 2 classes), "wine" (178, 13, 3) or "iris" (150, 4, 3).
    """
    if not among(name, TABLES):
        raise InvalidTasks(f"the bundled tables are {', '.join(TABLES)}, not {name!r}")
    import sklearn.datasets

    found = getattr(sklearn.datasets, f"load_{name}")()
    x = torch.from_numpy(found.data)
    x = (x - x.mean(0)) / x.std(0, correction=0)
    labels = torch.from_numpy(found.target).long()
    return LabelledData(name, x, labels, tuple(str(c) for c in found.target_names))
