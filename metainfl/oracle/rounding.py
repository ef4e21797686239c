"""How much rounding alone can move an influence: measured on the case, not guessed from its condition.

A backward-stable method returns the exact answer to a nearby question: data, lam, H and the right-hand
sides each moved by a small multiple c of eps, relative. What such a move does is found by asking the
reference nearby questions, with random moves of relative size tau far above its own rounding and far
below any change of regime:

    growth(row) = max over draws |influence(moved) - influence| / tau
    polish(row) = |influence(lam + s) - influence(lam)|,   s the Newton step that is left at lam
    tolerance   = (c eps |growth| + 10 |polish|) / |influence|,  c = 8 sqrt(p + instances of a task)

The root is how rounding errors add up in inner products (Higham and Mary, SIAM J. Sci. Comput. 41,
2019: probabilistic error analysis); 8 is for the handful of such operations in a row. `polish` allows
a method to solve for lam again. It is the same formula in float32 and float64, and holds for
reorderings, factorisations and refinements alike.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from metainfl.oracle.bridge import Asked, all_to_truth
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.certificate import EPS, spectrum
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.family import Family, Solution

Array = np.ndarray
DRAWS = 4


def growth(family: Family, at: Solution, pis: Sequence[Perturbation]) -> Array:
    """Rows (n, 3): size of the influence, its growth and its polish."""
    asked = all_to_truth(pis)
    here = -_solved(family, at.lam, at.hessian, family.cross_derivatives(asked, at.lam, at.weights))
    tau = min(1e-7, 1e-3 / at.certificate.condition)
    rng, most = np.random.default_rng(0), np.zeros(len(pis))
    for _ in range(DRAWS):
        there = _moved(family, at, asked, rng, tau)
        most = np.maximum(most, np.linalg.norm(there - here, axis=0) / tau)
    step = _solved(family, at.lam, at.hessian, family.gradient(at.lam, at.weights)[:, None])[:, 0]
    size, scale = float(np.linalg.norm(step)), tau * float(np.linalg.norm(at.lam))
    polish = np.zeros(len(pis))
    if size > 0 and scale > 0:  # along s, but far enough to be resolved
        lam = at.lam + scale / size * step
        b = family.cross_derivatives(asked, lam, at.weights)
        there = -_solved(family, lam, family.total_hessian(lam, at.weights), b)
        polish = np.linalg.norm(there - here, axis=0) * size / scale
    return np.stack([np.linalg.norm(here, axis=0), most, polish], axis=1)


def tolerance(rows: Array, family: Family, dtype: torch.dtype) -> float:
    """Allowed relative error of these rows of `growth` together, at most 1."""
    e = family.episodes
    eps = float(torch.finfo(dtype).eps)
    terms = family.n_meta + max(e.support_x.shape[1], e.query_x.shape[1])
    size, growing, polish = np.linalg.norm(rows, axis=0)
    allowed = 8 * terms**0.5 * eps * max(growing, size) + 10 * polish
    return float(min(allowed / max(size, 1e-300), 1.0))


def _moved(
    family: Family, at: Solution, asked: Sequence[Asked], rng: np.random.Generator, tau: float
) -> Array:
    """-H^+ b (p, n) with data, weights, lam, rates, H and b moved by tau, relative."""

    def near(a: Array) -> Array:
        return a * (1 + tau * rng.standard_normal(np.shape(a)))

    e, w = family.episodes, at.weights
    other = copy.copy(family)
    names = ("support_x", "support_y", "query_x", "query_y")
    other.episodes = Episodes(*(near(getattr(e, n)) for n in names))
    for name in ("alpha", "d_in", "d_out", "direct"):
        if hasattr(family, name):
            setattr(other, name, near(np.asarray(getattr(family, name))))
    lam, weights = near(at.lam), Weights(near(w.task), near(w.support), near(w.query))
    h = other.total_hessian(lam, weights)
    noise = rng.standard_normal(h.shape)
    h = h + tau * np.linalg.norm(h, 2) * (noise + noise.T) / (2 * len(h)) ** 0.5
    b = other.cross_derivatives(asked, lam, weights)
    sizes = np.linalg.norm(b, axis=0) / len(b) ** 0.5
    return -_solved(other, lam, h, b + tau * sizes * rng.standard_normal(b.shape))


def _solved(family: Family, lam: Array, hessian: Array, b: Array) -> Array:
    """H^+ b off the symmetry."""
    values, vectors = spectrum(hessian, family.tangent(lam), family.name)
    return vectors @ ((vectors.T @ b) / np.maximum(values, EPS)[:, None])
