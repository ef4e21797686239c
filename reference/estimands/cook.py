"""Cook's distance of a removal: the shift lam*_{-p} - lam*, and its classical scalar.

    classical (single-level ridge, one instance):  D = |f(lam*_{-p}) - f(lam*)|^2 / (p s^2)
over all fitted values, s^2 = residual sum of squares / (n - p); p is the number of columns of the
design. The general form measures the shift with H: (shift' H shift) / p.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_ridge import SingleRidge
from metainfl_reference.family import Family, Solution
from metainfl_reference.perturbation import Perturbation

Array = np.ndarray


def shift(family: Family, p: Perturbation, at: Solution) -> Array:
    """lam*_{-p} - lam* (p,)."""
    return family.remove(p, at).lam - at.lam


def general(family: Family, p: Perturbation, at: Solution) -> float:
    """Shift' H shift / p."""
    d = shift(family, p, at)
    return float(d @ at.hessian @ d) / family.n_meta


def classical(family: SingleRidge, p: Perturbation, at: Solution) -> float:
    """Cook (1977) for one output: all instances of all tasks form the design."""
    e = family.episodes
    if e.query_y.shape[2] != 1:
        raise InvalidProblem("the classical distance is written for one output")
    x = e.query_x.reshape(-1, e.query_x.shape[2])
    residual = x @ at.lam - e.query_y.reshape(-1)
    n, d = x.shape
    if n <= d:
        raise InvalidProblem(f"{n} instances for {d} features leave no residual variance")
    s2 = residual @ residual / (n - d)
    moved = x @ shift(family, p, at)
    return float(moved @ moved) / (d * s2)
