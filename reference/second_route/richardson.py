"""Richardson-extrapolated central differences of the re-solved problem.

lam*(pi + h) and lam*(pi - h) are solved afresh; the central difference has an error series in h^2,
and a Neville table over h, h/2, h/4, ... removes its terms one by one. For families with flat
directions each solution is first turned onto the orbit point nearest to lam* (Procrustes).
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family
from metainfl_reference.newton import correct
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.second_route.perturbed import perturbed
from metainfl_reference.solution import Solution

Array = np.ndarray


def solution_derivative(
    family: Family, p: Perturbation, at: Solution, *, h: float = 0.2, levels: int = 7
) -> tuple[Array, float]:
    """d lam*/d pi (p,) and an estimate of its error (max norm)."""

    def solve(step: float) -> Array | None:
        other, weights = perturbed(family, at.weights, p, step)
        lam = correct(other, weights, at.lam)
        return None if lam is None else aligned(family, lam, at.lam)

    while solve(h) is None or solve(-h) is None:  # the minimiser ends before h: stay closer
        h /= 2
        if h < 1e-4:
            raise NotCertified(f"{family.name}: no solution near lam* along {p}")
    rows: list[list[Array]] = []
    best, error = np.zeros_like(at.lam), np.inf
    for level in range(levels):
        s = h / 2**level
        ahead, behind = solve(s), solve(-s)
        if ahead is None or behind is None:
            raise NotCertified(f"{family.name}: the minimiser is lost at step {s:.3g} along {p}")
        row = [(ahead - behind) / (2 * s)]
        for m, coarse in enumerate(rows[-1] if rows else []):
            row.append(row[m] + (row[m] - coarse) / (4 ** (m + 1) - 1))
            change = float(np.abs(row[m + 1] - row[m]).max())
            if change < error:
                best, error = row[m + 1], change
        rows.append(row)
    return best, error


def aligned(family: Family, lam: Array, reference: Array) -> Array:
    """lam turned by the orthogonal group to the point nearest to `reference`; lam if there is none."""
    rank = getattr(family, "rank", None)
    if rank is None:
        return lam
    a, b = lam.reshape(rank, -1), reference.reshape(rank, -1)
    left, _, right = np.linalg.svd(b @ a.T)
    return (left @ right @ a).reshape(-1)
