"""A minimiser found again in the wide format: where lam* is, as far as float64 can tell and further.

The iteration is Newton's with a float64 Hessian as preconditioner and wide gradients, so its fixed
point is the zero of the wide gradient, whatever the Hessian's own rounding.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.certificate import spectrum
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import NotCertified
from metainfl_reference.solution import Bilevel
from metainfl_reference.wide import EPS, LEFT, lifted, lifted_family, narrow, norm, widened

Array = np.ndarray


def wide_gradient(family: Bilevel, lam: Array, weights: Weights) -> tuple[Array, float]:
    """grad F at lam in the wide format, and a bound (2-norm) on what its own rounding hides.

    The float64 gradient misses the wide one by its rounding; of that the wide format leaves LEFT.
    """
    wide = lifted_family(family).gradient(widened(lam), lifted(weights))
    off = norm(family.gradient(narrow(lam), weights) - wide)
    return wide, LEFT * (16 * off + 4 * EPS * norm(narrow(np.asarray(family.d_out)) * narrow(lam)))


def refine(family: Bilevel, lam: Array, weights: Weights, hessian: Array) -> tuple[Array, Array]:
    """The minimiser near lam and H there, in the wide format. Raises `NotCertified` if there is none."""
    wide, w, x, before = lifted_family(family), lifted(weights), widened(lam), np.inf
    values, vectors = spectrum(hessian, family.tangent(lam), family.name)
    for _ in range(40):
        g = wide.gradient(x, w)
        scale = max(float(np.abs(g).max()), 1e-300)  # a small gradient keeps its digits
        step = scale * (vectors @ ((vectors.T @ narrow(g / scale)) / values))
        moved = norm(step)
        if moved >= 0.5 * before:
            break
        x, before = x - step, moved
        if moved <= 0.25 * LEFT * EPS * norm(x):
            break
    if not before <= 1e-9 * max(norm(x), norm(lam)) + np.finfo(float).tiny:
        raise NotCertified(
            f"{family.name}: no minimiser was found near this point ({before:.3g} off)"
        )
    return x, wide.total_hessian(x, w)


def distance(family: Bilevel, lam: Array, weights: Weights, hessian: Array) -> float:
    """A bound on |lam - lam*|: by strong convexity where F has it, else measured and doubled.

    What rounding hides of the wide gradient enters with the smallest eigenvalue of H either way.
    """
    values = spectrum(hessian, family.tangent(lam), family.name)[0]
    if family.convexity is not None and np.isfinite(family.convexity):
        gradient, unseen = wide_gradient(family, lam, weights)
        return (norm(gradient) + unseen) / family.convexity
    near = refine(family, lam, weights, hessian)[0]
    unseen = wide_gradient(family, lam, weights)[1]
    return 2 * norm(near - lam) + unseen / float(values[0])
