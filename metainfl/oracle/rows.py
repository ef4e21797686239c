"""Answers that are rows of the truth, but not where they belong: zeros, other orders, one length for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.evidence import Evidence

Array = np.ndarray
ZERO = "rows left at zero"
MOVED = "rows of the truth, in the wrong order or repeated"
EVEN = "each row normalised to the same length"


def row_words(wrong: Sequence[Evidence], right: Sequence[Evidence] = ()) -> list[str]:
    """The names that explain every failing answer. Rows whose truth is zero say nothing."""
    pools: dict[str, list[Array]] = {}
    for e in wrong:
        pools.setdefault(e.case.name, []).append(e.want)
    every = [(e, np.concatenate(pools[e.case.name])) for e in wrong]
    if all(_left_at_zero(e) for e in wrong):
        return [ZERO]
    if all(_moved(e, pool) for e, pool in every):
        return [MOVED]
    uneven = {e.case.name for e in wrong if not _one_length(e.want[_told(e)])}
    denied = len(uneven) < 2 or any(not _one_length(e.want[_told(e)]) for e in right)
    return [EVEN] if all(_even(e) for e in wrong) and not denied else []


def _told(e: Evidence) -> Array:
    """Rows whose truth is not zero."""
    size = np.linalg.norm(e.want, axis=1)
    return size > 1e-12 * size.max()


def _left_at_zero(e: Evidence) -> bool:
    told = _told(e)
    empty = np.linalg.norm(e.got, axis=1) == 0
    kept = np.linalg.norm(e.got[~empty] - e.want[~empty])
    return bool((empty & told).any()) and bool(kept <= 1e-9 * float(np.linalg.norm(e.want)))


def _moved(e: Evidence, pool: Array) -> bool:
    """Each row is some row of the truth, of whatever kind was asked for with it; not its own."""
    size = np.linalg.norm(pool, axis=1)
    nearest = np.array([(np.linalg.norm(pool - row, axis=1)).min() for row in e.got])
    scale = np.maximum(np.linalg.norm(e.got, axis=1), 1e-4 * size.max())
    away = np.linalg.norm(e.got - e.want, axis=1) > 1e-6 * size.max()
    return bool((nearest <= 1e-9 * scale).all()) and bool(away.any())


def _even(e: Evidence) -> bool:
    told = _told(e)
    got, want = e.got[told], e.want[told]
    lengths, size = np.linalg.norm(got, axis=1), np.linalg.norm(want, axis=1)
    turned = np.abs(np.sum(got * want, axis=1)) >= (1 - 1e-9) * lengths * size
    return bool(turned.all()) and _one_length(got)


def _one_length(rows: Array) -> bool:
    """Whether they are all as long; a single one is."""
    lengths = np.linalg.norm(rows, axis=1)
    return not len(lengths) or float(np.ptp(lengths)) <= 1e-6 * float(lengths.max())
