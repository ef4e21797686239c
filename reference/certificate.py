"""Error bounds: every answer of the reference says how far it can be from the truth.

Convex (mu-strongly):  |lam - lam*| <= (|grad F| + rounding) / mu.
Otherwise (Newton-Kantorovich, off the known flat directions): with beta = 1 / smallest eigenvalue,
eta = |H^+ grad F| and K a Lipschitz constant of H near lam, h = beta K eta <= 1/2 proves a solution
within 2 eta; K is estimated from Hessian differences along the Newton step and random directions,
and multiplied by a safety factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metainfl_reference.errors import NotCertified

Array = np.ndarray
EPS = float(np.finfo(np.float64).eps)
SAFETY = 10.0  # K is sampled, not proved: the check uses ten times the largest sample


@dataclass(frozen=True)
class Certificate:
    """Bound on |lam - lam*| (2-norm) and what it rests on."""

    bound: float
    residual: float  # |grad F| as computed, and how far rounding can hide more of it
    rounding: float
    smallest: float
    largest: float
    flat: int
    kind: str

    @property
    def condition(self) -> float:
        """Largest over smallest non-flat eigenvalue of H."""
        return self.largest / self.smallest


def spectrum(hessian: Array, tangent: Array, where: str) -> tuple[Array, Array]:
    """Eigenvalues and vectors (ascending) of H off the symmetry `tangent` (p, f); all positive."""
    p, f = tangent.shape
    off = np.linalg.qr(tangent, mode="complete")[0][:, f:] if f else np.eye(p)
    values, vectors = np.linalg.eigh(off.T @ (0.5 * (hessian + hessian.T)) @ off)
    if values[0] <= EPS * p * values[-1]:
        raise NotCertified(
            f"{where}: the total Hessian has smallest eigenvalue {values[0]:.3g} against largest "
            f"{values[-1]:.3g} off its {f} known flat directions; the point is no strict minimum. "
            "Raise d_out, start elsewhere, or look for a symmetry that was not declared."
        )
    return values, off @ vectors


def certify(
    gradient: Array,
    hessian: Array,
    rounding: float,
    *,
    tangent: Array,
    convexity: float | None,
    hessian_at: Callable[[Array], Array],
    where: str,
) -> Certificate:
    """Certificate of a computed minimiser. `rounding` bounds the error of `gradient` itself.

    `convexity` is a global modulus mu of strong convexity; inf says that F is quadratic, so that the
    smallest eigenvalue of H is one; None says that F is not convex.
    """
    values, vectors = spectrum(hessian, tangent, where)
    flat = tangent.shape[1]
    smallest, largest = float(values[0]), float(values[-1])
    residual = float(np.linalg.norm(gradient))
    if convexity is not None:
        bound = (residual + rounding) / (smallest if convexity == np.inf else convexity)
        return Certificate(bound, residual, rounding, smallest, largest, flat, "strong convexity")
    newton = vectors @ ((vectors.T @ gradient) / values)
    eta = float(np.linalg.norm(newton)) + rounding / smallest
    rng = np.random.default_rng(0)
    lipschitz = 0.0
    for _ in range(3):
        d = vectors @ rng.standard_normal(vectors.shape[1])
        d *= 1e-4 / np.linalg.norm(d)
        change = np.linalg.norm(hessian_at(d) - hessian, 2)
        lipschitz = max(lipschitz, float(change) / 1e-4)
    h = SAFETY * lipschitz * eta / smallest
    if not h <= 0.5:
        raise NotCertified(
            f"{where}: Newton-Kantorovich quantity {h:.3g} exceeds 1/2 (step {eta:.3g}, Lipschitz "
            f"{lipschitz:.3g}, smallest eigenvalue {smallest:.3g}); solve to a smaller residual."
        )
    return Certificate(2 * eta, residual, rounding, smallest, largest, flat, "Newton-Kantorovich")
