"""Cook's distance of a removal: the shift lam* - lam*_{-p} (003, eqs 5-6), and its classical scalar.

    classical (single-level ridge, one instance):  D = |f(lam*_{-p}) - f(lam*)|^2 / (p s^2)
over all fitted values, s^2 = residual sum of squares / (n - p); p is the number of columns of the
design. The general form measures the shift with H: (shift' H shift) / p.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metainfl_reference.answer import Answer, beside
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_ridge import SingleRidge
from metainfl_reference.family import Family
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.solution import Solution
from metainfl_reference.wide import EPS

Array = np.ndarray


def shift(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam* - lam*_{-p} (p,), one bound in 2-norm: the sign of 003, eq. 5 (and of eq. 6 for groups)."""
    return _measured(family, p, at, lambda f, s, after: (s.lam - after.lam)[None], rows=True)[0]


def general(family: Family, p: Perturbation, at: Solution) -> Answer:
    """Shift' H shift / p."""

    def distance(f: Family, s: Solution, after: Solution) -> Array:
        moved = s.lam - after.lam
        return moved @ s.hessian @ moved / f.n_meta

    return _measured(family, p, at, distance)


def classical(family: SingleRidge, p: Perturbation, at: Solution) -> Answer:
    """Cook (1977) for one output: all instances of all tasks form the design."""
    e = family.episodes
    if e.query_y.shape[2] != 1:
        raise InvalidProblem("the classical distance is written for one output")
    d = e.query_x.shape[2]
    n = e.query_x.size // d
    if n <= d:
        raise InvalidProblem(f"{n} instances for {d} features leave no residual variance")
    residual = e.query_x @ at.lam - e.query_y[..., 0]
    if np.sum(residual**2) <= (n - d) * (n * EPS) ** 2 * float(np.sum(e.query_y**2)):
        raise InvalidProblem("the fit leaves no residuals: Cook's distance is 0/0")

    def distance(f: Family, s: Solution, after: Solution) -> Array:
        x, y = f.episodes.query_x.reshape(n, d), f.episodes.query_y.reshape(n)
        moved, left = x @ (s.lam - after.lam), x @ s.lam - y
        return (moved @ moved) / (d * (left @ left) / (n - d))

    return _measured(family, p, at, distance)


def _measured(
    family: Family,
    p: Perturbation,
    at: Solution,
    estimand: Callable[[Family, Solution, Solution], Array],
    *,
    rows: bool = False,
) -> Answer:
    """An estimand of the solution and the removed one, both found again in the wide format for bounds."""
    after = family.remove(p, at)
    value = np.asarray(estimand(family, at, after))

    def bound() -> Array:
        wide, here = family.refined(at)
        return beside(value, estimand(wide, here, family.refined(after)[1]), rows=rows)

    return Answer(value, bound)
