"""Error bounds: every answer of the reference says how far it can be from the truth.

Convex (mu-strongly):  |lam - lam*| <= |grad F| / mu, everywhere: a global minimum.
Quadratic:             the same minimum, found again in the wide format; the distance is measured.
Otherwise (Newton-Kantorovich, off the known flat directions): with beta = 1 / smallest eigenvalue,
eta = |H^+ grad F| and K a Lipschitz constant of H near lam, h = beta K eta <= 1/2 proves a solution
within 2 eta; K is estimated from Hessian differences along random directions, and multiplied by a
safety factor. It is a local minimum: nothing is said of other valleys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from metainfl_reference.errors import NotCertified
from metainfl_reference.wide import EPS

Array = np.ndarray
SAFETY = 10.0  # K is sampled, not proved: the check uses ten times the largest sample


@dataclass(frozen=True)
class Certificate:
    """Bound on |lam - lam*| (2-norm) and what it rests on.

    `scope` says of what lam is the minimum: "global" (F is convex) or "local" (a lower valley may
    exist; the families that are not convex have several).
    """

    residual: float  # |grad F| as computed in float64
    smallest: float
    largest: float
    flat: int
    kind: str
    scope: Literal["global", "local"]
    measure: Callable[[], float] = field(repr=False, compare=False)

    @cached_property
    def bound(self) -> float:
        """How far lam can be from lam*; measured in the wide format when first asked for."""
        out = float(self.measure())
        if not np.isfinite(out):
            raise NotCertified("the distance of this point from its minimiser has no finite bound")
        return out

    @property
    def condition(self) -> float:
        """Largest over smallest non-flat eigenvalue of H."""
        return self.largest / self.smallest

    def __str__(self) -> str:
        """`local minimum within 3e-16 (Newton-Kantorovich), condition 12`."""
        return (
            f"{self.scope} minimum within {self.bound:.1g} ({self.kind}), "
            f"condition {self.condition:.3g}"
        )


def spectrum(hessian: Array, tangent: Array, where: str) -> tuple[Array, Array]:
    """Eigenvalues and vectors (ascending) of H off the symmetry `tangent` (p, f); all positive."""
    tangent = np.asarray(tangent, float)
    p, f = tangent.shape
    off = np.linalg.qr(tangent, mode="complete")[0][:, f:] if f else np.eye(p)
    hessian = np.asarray(hessian, float)
    values, vectors = np.linalg.eigh(off.T @ (0.5 * (hessian + hessian.T)) @ off)
    if values[0] <= EPS * p * values[-1]:
        raise NotCertified(
            f"{where}: the total Hessian has smallest eigenvalue {values[0]:.3g} against largest "
            f"{values[-1]:.3g} off its {f} known flat directions; the point is no strict minimum. "
            "Raise d_out, start elsewhere, or look for a symmetry that was not declared."
        )
    return values, off @ vectors


def kantorovich(
    newton: float,
    smallest: float,
    vectors: Array,
    hessian: Array,
    hessian_at: Callable[[Array], Array],
) -> tuple[float, float]:
    """h = beta K eta for a Newton step of size `newton` off the flat directions, and the K it used."""
    rng = np.random.default_rng(0)
    lipschitz = 0.0
    for _ in range(3):
        d = vectors @ rng.standard_normal(vectors.shape[1])
        d *= 1e-4 / np.linalg.norm(d)
        change = np.linalg.norm(hessian_at(d) - hessian, 2)
        lipschitz = max(lipschitz, float(change) / 1e-4)
    return SAFETY * lipschitz * newton / smallest, lipschitz
