"""How soon a ranking finds what is wrong: the curve, its area, and the order of two groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from metainfl.errors import InvalidOption


def found(scores: Sequence[float], wrong: Sequence[bool], shares: Sequence[float]) -> list[float]:
    """The share of what is wrong among the first shares of all data, the smallest scores first.

    Scores of removals: negative hurts, so harm comes first. Ties count by their mean place. At most
    share / (share of wrong), at chance the share itself.
    """
    bad, at = _mask(scores, wrong), numbers(shares, "shares")
    if not ((at >= 0) & (at <= 1)).all():
        raise InvalidOption(f"shares lie between 0 and 1, got {list(shares)}")
    s = ranks_of(scores)
    order = np.argsort(s, kind="stable")
    values = s[order]
    hits = bad[order].astype(float)
    for v in np.unique(values):  # what ties is found evenly
        same = values == v
        hits[same] = hits[same].mean()
    total = np.concatenate([[0.0], np.cumsum(hits)]) / bad.sum()
    return [float(v) for v in np.interp(at * len(bad), np.arange(len(total)), total)]


def area(scores: Sequence[float], wrong: Sequence[bool]) -> float:
    """The chance that something wrong scores below something right (AUC): 1 perfect, 1/2 chance."""
    bad, s = _mask(scores, wrong), ranks_of(scores)
    a, b = s[bad][:, None], s[~bad][None]
    return float((a < b).mean() + 0.5 * (a == b).mean())


def proper_order(first: Sequence[float], second: Sequence[float], *, by: str = "mean") -> bool:
    """Whether the first group's mean is above the second's (002, section 5.2); or median, as `by` says."""
    centres: dict[str, Callable[[np.ndarray], Any]] = {"mean": np.mean, "median": np.median}
    if not isinstance(by, str) or by not in centres:
        raise InvalidOption(f"groups are ordered by {' or '.join(centres)}, not by {by!r}")
    found = []
    for name, group in (("first", first), ("second", second)):
        values = numbers(group, f"the {name} group")
        if len(values) == 0 or not np.isfinite(values).all():
            raise InvalidOption(f"the {name} group has no {by}: got {list(group)[:5]}")
        found.append(float(centres[by](values)))
    return found[0] > found[1]


def self_rank(scores: Sequence[float], own: int) -> int:
    """How many score above the one at `own`: 0 is first (002, section 5.1)."""
    s = ranks_of(scores)
    if not hasattr(own, "__index__") or not 0 <= own < len(s):
        raise InvalidOption(f"own is a place from 0 to {len(s) - 1}, got {own}")
    return int((s > s[own]).sum())


def numbers(values: Any, what: str) -> np.ndarray:
    """Real numbers in a row (n,), from a list, an array or a tensor; `InvalidOption` names what is none."""
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        row = found.ndim == 1 and (found.dtype.kind in "biufO" or found.size == 0)
        if row:
            return found.astype(float)
        kind = f"{found.dtype} {found.shape}"
    except (TypeError, ValueError, RuntimeError) as error:
        kind = f"{type(values).__name__} ({error})"
    raise InvalidOption(f"{what} must be real numbers in a row (n,), got {kind}")


def ranks_of(scores: Sequence[float]) -> np.ndarray:
    """Scores as numbers; `InvalidOption` names the first that is NaN, which has no place in an order."""
    s = numbers(scores, "scores")
    bad = np.flatnonzero(np.isnan(s))
    if len(bad):
        raise InvalidOption(
            f"score {bad[0]} is NaN ({len(bad)} of {len(s)} are), which has no place in a ranking: find "
            "where it arose, or leave those data out"
        )
    return s


def _mask(scores: Sequence[float], wrong: Sequence[bool]) -> np.ndarray:
    s, marks = ranks_of(scores), numbers(wrong, "marks")
    if not np.isin(marks, (0, 1)).all():
        raise InvalidOption(
            f"mark {np.flatnonzero(~np.isin(marks, (0, 1)))[0]} is neither True nor False: a mark says "
            "whether a datum is wrong"
        )
    bad = marks.astype(bool)
    if len(bad) != len(s) or not bad.any() or bad.all():
        raise InvalidOption(
            "detection needs a mark for each score, some wrong and some not: got "
            f"{len(s)} scores and {int(bad.sum())} of {len(bad)} wrong"
        )
    return bad
