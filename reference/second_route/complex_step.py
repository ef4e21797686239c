"""Complex step: d f/dx = Im f(x + i h)/h with h = 1e-30, exact to rounding for analytic f.

`gradient` confirms grad F from the objective alone. `solution_derivative` confirms influence: it
solves grad F(lam; pi + i h) = 0 for a complex lam by iterating with the Hessian as a mere
preconditioner, so the fixed point depends on the gradient only, not on H or on any cross derivative.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.second_route.perturbed import perturbed
from metainfl_reference.solution import Solution

Array = np.ndarray
H = 1e-30


def gradient(family: Family, lam: Array, weights: object = None) -> Array:
    """Grad F from values of F alone (p,)."""
    out = np.empty(len(lam))
    for a in range(len(lam)):
        z = lam.astype(complex)
        z[a] += 1j * H
        out[a] = np.imag(family.objective(z, weights)) / H  # type: ignore[arg-type]
    return out


def hessian(family: Family, lam: Array, weights: object = None) -> Array:
    """D grad F from values of grad F alone (p, p)."""
    out = np.empty((len(lam), len(lam)))
    for a in range(len(lam)):
        z = lam.astype(complex)
        z[a] += 1j * H
        out[:, a] = np.imag(family.gradient(z, weights)) / H  # type: ignore[arg-type]
    return out


def solution_derivative(family: Family, p: Perturbation, at: Solution) -> Array:
    """d lam*/d pi (p,) without H's formula and without cross derivatives."""
    other, weights = perturbed(family, at.weights, p, 1j * H)
    lam = at.lam.astype(complex)
    previous = np.inf
    for _ in range(100):
        step = family.apply_inverse(at, np.imag(other.gradient(lam, weights)))
        lam = lam - 1j * step
        size = float(np.linalg.norm(step))
        floor = float(np.linalg.norm(lam.imag))
        if size <= 1e-15 * floor or (size > 0.5 * previous and size < 1e-3 * floor):
            return lam.imag / H
        previous = size
    raise NotCertified(f"complex step did not settle (last step {size / H:.3g})")
