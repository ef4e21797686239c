"""Paper 004, section 2: the minimiser of the perturbed loss, as printed, and corrected."""

from __future__ import annotations

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.families import SingleSoftmax
from metainfl_reference.generators import classification
from metainfl_reference.perturbation import shift
from metainfl_reference.second_route.perturbed import perturbed

Array = np.ndarray


def minimiser_as_printed(family: SingleSoftmax, j: int, omega: float) -> Array:
    """n^-1 argmin: the minimiser itself divided by n, instance j shifted by omega along feature 0."""
    return minimiser_corrected(family, j, omega) / family.episodes.query_x.shape[1]


def minimiser_corrected(family: SingleSoftmax, j: int, omega: float) -> Array:
    """Argmin: n^-1 stands before the loss, or nowhere."""
    at = family.solve()
    other, weights = perturbed(family, at.weights, shift("query", 0, j, 0), omega)
    return other.solve(weights, start=family.initial()).lam


def _outside() -> Measured:
    e = classification(0, tasks=1, shots=1, queries=10, d=3, ways=4)
    family = SingleSoftmax(e, d_out=0.5)
    theta = family.solve().lam
    one, other = (
        float(np.linalg.norm(form(family, 0, 0.0) - theta) / np.linalg.norm(theta))
        for form in (minimiser_as_printed, minimiser_corrected)
    )
    n = e.query_x.shape[1]
    unit = f"relative distance of theta(x + omega_0) from theta(x), equal by definition, n = {n}"
    return Measured(one, other, unit, 0.9)


ERRATA = (
    Erratum(
        "sect-2-outside",
        "004, sect. 2",
        "theta(x + omega) = n^-1 argmin of the perturbed sum",
        "argmin of n^-1 times it, as eq. A.1 has it",
        _outside,
    ),
)
