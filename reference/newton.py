"""Newton's method to machine precision, and continuation of the minimiser in the weights.

`follow` walks from the full problem to the removed one along weights(t) = (1-t) start + t end,
with the influence as predictor and Newton as corrector, and halves its step when the corrector
strays. A total Hessian that loses definiteness on the way means that the branch of minimisers ends
there: `BranchLost` is raised instead of an answer from another valley.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.certificate import spectrum
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import BranchLost, NotCertified
from metainfl_reference.linear import solve
from metainfl_reference.solution import Bilevel, Solution
from metainfl_reference.wide import EPS

Array = np.ndarray


def minimise(family: Bilevel, weights: Weights, lam: Array, max_steps: int = 300) -> Array:
    """A stationary point of F from lam, to the rounding of its gradient.

    Quadratic F: one exact step and two of iterative refinement. Otherwise damped Newton with
    |eigenvalues|, so that saddles repel; close by, full steps until they stop shrinking. Steps never
    move along a symmetry. How good the result is, the certificate says.
    """
    if family.quadratic:
        for _ in range(3):
            gradient, hessian = family.slope_and_curvature(lam, weights)
            lam = lam - solve(hessian, gradient)
        return lam
    value, previous = family.objective(lam, weights).real, np.inf
    for _ in range(max_steps):
        gradient, hessian = family.slope_and_curvature(lam, weights)
        step = _repelled(hessian, gradient)
        tangent = family.tangent(lam)
        step -= tangent @ (tangent.T @ step)
        size = float(np.linalg.norm(step)) / (1 + float(np.linalg.norm(lam)))
        if size <= 4 * EPS or (size <= 1e-6 and size > 0.5 * previous):
            return lam
        previous = size
        if size <= 1e-5:  # the objective no longer resolves the progress of a full step
            lam = lam + step
            value = family.objective(lam, weights).real
            continue
        length, slope = 1.0, float(gradient @ step)
        while True:
            trial = family.objective(lam + length * step, weights).real
            if trial <= value + 1e-4 * length * slope + 8 * EPS * abs(value):
                break
            length /= 2
            if length < 1e-12:
                raise NotCertified(
                    f"{family.name}: no descent along Newton's direction "
                    f"(gradient {np.linalg.norm(gradient):.3g})"
                )
        lam, value = lam + length * step, trial
    raise NotCertified(f"{family.name}: Newton did not converge in {max_steps} steps")


def _repelled(hessian: Array, gradient: Array) -> Array:
    """-|H|^{-1} gradient, eigenvalues floored at rounding."""
    values, vectors = np.linalg.eigh(hessian)
    sizes = np.maximum(np.abs(values), 1e-12 * np.abs(values).max())
    return -(vectors @ ((vectors.T @ gradient) / sizes))


def follow(family: Bilevel, at: Solution, end: Weights) -> Solution:
    """The minimiser at `end` that is connected to `at` by a path of strict minimisers."""
    if family.quadratic:  # one basin: no path needed
        return family.solve(end, start=at.lam)
    begin, lam, t, step = at.weights, at.lam, 0.0, 0.5
    while t < 1:
        s = min(1.0, t + step)
        weights = blend(begin, end, s)
        corrected = correct(family, weights, lam)
        limit = 0.5 * (1 + np.linalg.norm(lam))
        if corrected is None or np.linalg.norm(corrected - lam) > limit:
            step /= 2
            if step < 1e-3:
                raise BranchLost(
                    f"{family.name}: the minimiser cannot be followed past {t:.3f} of the removal; "
                    "the total Hessian turns singular there. Removal is not a small change here."
                )
            continue
        lam, t, step = corrected, s, min(2 * step, 0.5)
    return family.certified(lam, end)


def correct(family: Bilevel, weights: Weights, lam: Array) -> Array | None:
    """Undamped Newton from lam, or None when it leaves the region where H is definite."""
    previous = np.inf
    for _ in range(30):
        gradient, hessian = family.slope_and_curvature(lam, weights)
        try:
            values, vectors = spectrum(hessian, family.tangent(lam), family.name)
        except NotCertified:
            return None
        step = -(vectors @ ((vectors.T @ gradient) / values))
        size = float(np.linalg.norm(step))
        if size > 10 * previous and size > 1e-6:
            return None
        if size <= 1e-14 * (1 + np.linalg.norm(lam)) or (size >= previous and size < 1e-9):
            return lam + step
        lam, previous = lam + step, size
    return None


def blend(a: Weights, b: Weights, t: float) -> Weights:
    """(1 - t) a + t b."""
    return Weights(
        (1 - t) * a.task + t * b.task,
        (1 - t) * a.support + t * b.support,
        (1 - t) * a.query + t * b.query,
    )
