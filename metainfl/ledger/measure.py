"""How far an estimate is from a truth: size, direction, order; each number with its name."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from metainfl.oracle.measure import distance, spearman

Array = np.ndarray


def vectors(estimate: Array, truth: Array, prefix: str) -> dict[str, float]:
    """Relative norm of the difference, the same after the best common factor, cosine."""
    d = distance(estimate, truth)
    return {
        f"{prefix} error": d.relative,
        f"{prefix} rescaled": d.rescaled,
        f"{prefix} cosine": d.cosine,
    }


def order(estimate: Array, truth: Array, prefix: str, top: int = 5) -> dict[str, float]:
    """Agreement of two orders, averaged over targets (columns): Spearman with its 95 % interval,
    Kendall, and the share of the `top` most helpful that are found.

    The interval is Fisher's with the variance of Bonett and Wright, (1 + r^2/2) / (n - 3).
    """
    n = len(truth)
    rho = float(np.mean([spearman(estimate[:, j], truth[:, j]) for j in range(truth.shape[1])]))
    tau = float(
        np.mean([kendalltau(estimate[:, j], truth[:, j])[0] for j in range(truth.shape[1])])
    )
    both = [
        len(set(np.argsort(-estimate[:, j])[:top]) & set(np.argsort(-truth[:, j])[:top]))
        for j in range(truth.shape[1])
    ]
    out = {f"{prefix} Spearman": rho, f"{prefix} Kendall": tau}
    out[f"{prefix} top {top}"] = float(np.mean(both)) / min(top, n)
    if n > 3 and np.isfinite(rho):
        z, half = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)), 1.96 * spread(rho, n)
        out[f"{prefix} Spearman low"] = float(np.tanh(z - half))
        out[f"{prefix} Spearman high"] = float(np.tanh(z + half))
    return out


def spread(rho: float, n: int) -> float:
    """Standard deviation of artanh of a rank correlation of n pairs."""
    return float(np.sqrt((1 + rho**2 / 2) / (n - 3)))
