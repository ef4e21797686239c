"""Which classes train and which test, and rotations as classes of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from metainfl.data.labelled import LabelledData
from metainfl.data.seeds import generator
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import real, said


@typed
def split_classes(
    data: LabelledData, parts: Sequence[int] | Sequence[float], *, seed: int = 0
) -> tuple[LabelledData, ...]:
    """`data` in parts that share no family of classes, hence no class: e.g. (64, 16, 20) or (0.8, 0.2).

    Whole numbers count families, fractions are shares of them (rounded down, at least one). What is left
    over is in no part. The order of families is a shuffle by `seed`.
    """
    families = sorted(set(data.families))
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise InvalidTasks(
            f"parts must be a tuple such as (0.8, 0.2) or (64, 16), got {said(parts)}"
        )
    fit = ("positive numbers or shares", lambda v: v > 0)
    for part in parts:
        real(part, "parts", fit, InvalidTasks)
    if not parts:
        raise InvalidTasks(
            "parts are empty: give (0.8, 0.2), or numbers of classes such as (64, 16)"
        )
    if all(isinstance(p, (int, np.integer)) for p in parts):
        counts = [int(p) for p in parts]
    elif sum(parts) <= 1 + 1e-9:
        counts = [max(1, int(p * len(families) + 1e-9)) for p in parts]
    else:
        raise InvalidTasks(f"shares of classes must sum to at most 1, got {list(parts)}")
    if sum(counts) > len(families):
        raise InvalidTasks(
            f"{data.name} has {len(families)} families of classes, {sum(counts)} were asked for"
        )
    order = generator(seed, "classes").permutation(len(families))
    found, start = [], 0
    for count in counts:
        mine = {families[i] for i in order[start : start + count]}
        found.append(data.only([k for k, f in enumerate(data.families) if f in mine]))
        start += count
    return tuple(found)


@typed
def with_rotations(data: LabelledData, quarters: Sequence[int] = (0, 1, 2, 3)) -> LabelledData:
    """Each class once for every number of quarter turns, as classes of their own.

    The class "A" gives "A", "A@90", "A@180" and "A@270", all of the family of "A". x must be images
    (n, h, w) or (n, h, w, c) with h = w: Santoro et al. 2016, as usual on Omniglot.
    """
    if not isinstance(quarters, Sequence):
        raise InvalidTasks(
            f"quarters must be quarter turns such as (0, 1, 2, 3), got {said(quarters)}"
        )
    whole = all(isinstance(q, (int, np.integer)) for q in quarters)
    turns = [int(q) % 4 for q in quarters] if whole else []
    if not turns or len(set(turns)) != len(turns):
        raise InvalidTasks(
            f"quarters must be different numbers of quarter turns, got {list(quarters)}"
        )
    if data.x.ndim not in (3, 4) or data.x.shape[1] != data.x.shape[2]:
        raise InvalidTasks(
            f"rotations need square images (n, h, h) or (n, h, h, c), got {tuple(data.x.shape)}; rotate "
            "before making features"
        )
    n = len(data.classes)
    return LabelledData(
        data.name,
        torch.cat([torch.rot90(data.x, q, (1, 2)) for q in turns]),
        torch.cat([data.labels + k * n for k in range(len(turns))]),
        tuple(f"{c}@{90 * q}" if q else c for q in turns for c in data.classes),
        data.families * len(turns),
    )
