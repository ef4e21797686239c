"""What the reference gets by solving again, without its formula for the derivative."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.bridge import to_truth
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.family import Family
from metainfl_reference.newton import correct
from metainfl_reference.second_route import richardson
from metainfl_reference.second_route.perturbed import perturbed
from metainfl_reference.second_route.richardson import aligned
from metainfl_reference.solution import Solution

Array = np.ndarray


def shift(family: Family, at: Solution, lam: Array) -> Array:
    """Another minimum minus lam*, turned to the nearest orbit point (p,)."""
    return aligned(family, lam, at.lam) - at.lam


def move(family: Family, at: Solution, p: Perturbation, step: float) -> Array | None:
    """lam*(weights + step p) - lam*, nearest orbit point (p,); None where the minimum ends."""
    other, weights = perturbed(family, at.weights, to_truth(p), step)
    lam = correct(other, weights, at.lam)
    return None if lam is None else shift(family, at, lam)


def slope(family: Family, at: Solution, p: Perturbation) -> Array:
    """d lam*/d pi (p,) by extrapolated finite weights."""
    return richardson.solution_derivative(family, to_truth(p), at)[0]
