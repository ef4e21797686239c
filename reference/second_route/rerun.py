"""Derivatives of a run by running it again: complex weights, and extrapolated finite ones.

Neither uses a Hessian, a mixed derivative or the derivative of an optimiser's step.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.estimands.trajectory import Run, replay, run
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.second_route.perturbed import perturbed

Array = np.ndarray
H = 1e-30


def by_complex_step(of: Run, p: Perturbation) -> Array:
    """d lam_S/d pi (p,), exact to rounding; not where Adam's second moment is exactly zero."""
    family, weights = perturbed(of.family, of.weights, p, 1j * H)
    return (
        run(family, of.recipe, of.states[0].mapped(lambda x: x.astype(complex)), weights)
        .lam[-1]
        .imag
        / H
    )


def by_differences(of: Run, p: Perturbation, *, h: float = 0.1, levels: int = 6) -> Array:
    """d lam_S/d weight (p,): the entry of a Neville table of central differences that moved least."""
    rows: list[list[Array]] = []
    best, error = np.zeros(of.family.n_meta), np.inf
    for level in range(levels):
        s = h / 2**level
        ahead, behind = (replay(of, of.weights.moved(p, x)).lam[-1] for x in (s, -s))
        row = [(ahead - behind) / (2 * s)]
        for m, coarse in enumerate(rows[-1] if rows else []):
            row.append(row[m] + (row[m] - coarse) / (4 ** (m + 1) - 1))
            change = float(np.abs(row[m + 1] - row[m]).max())
            if change < error:
                best, error = row[m + 1], change
        rows.append(row)
    return best
