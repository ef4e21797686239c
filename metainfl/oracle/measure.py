"""How far one array is from another: numbers only, no judgement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Distance:
    """relative: |a - b| / |b| over the whole array; rescaled: after the best common factor;
    ratio: median of a/b over the entries that are not small; spearman: of the row norms or scores.
    """

    relative: float
    rescaled: float
    ratio: float
    cosine: float


def distance(estimate: Array, truth: Array) -> Distance:
    """Distances of an estimate from the truth, both (n, p)."""
    size = float(np.linalg.norm(truth))
    if size == 0:
        off = float(np.linalg.norm(estimate))
        return Distance(off, off, float("nan"), float("nan"))
    own = float(np.linalg.norm(estimate))
    dot = float(np.sum(estimate * truth))
    factor = dot / own**2 if own > 0 else 0.0
    large = np.abs(truth) > 0.1 * np.abs(truth).max()
    return Distance(
        float(np.linalg.norm(estimate - truth)) / size,
        float(np.linalg.norm(factor * estimate - truth)) / size,
        float(np.median(estimate[large] / truth[large])),
        dot / (own * size) if own > 0 else 0.0,
    )


def spearman(a: Array, b: Array) -> float:
    """Rank correlation of two vectors; nan where one of them is constant."""
    from scipy.stats import rankdata  # slow to import, and not every run ranks

    ra, rb = rankdata(a), rankdata(b)
    if np.ptp(ra) == 0 or np.ptp(rb) == 0 or len(ra) < 3:
        return float("nan")
    return float(np.corrcoef(ra, rb)[0, 1])
