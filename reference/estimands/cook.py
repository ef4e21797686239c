"""Cook's distance of a removal: the shift lam*_{-p} - lam*, and its classical scalar.

    classical (single-level ridge, one instance):  D = |f(lam*_{-p}) - f(lam*)|^2 / (p s^2)
over all fitted values, s^2 = residual sum of squares / (n - p); p is the number of columns of the
design. The general form measures the shift with H: (shift' H shift) / p.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer, carried
from metainfl_reference.certificate import EPS
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.single_ridge import SingleRidge
from metainfl_reference.family import Family, Solution
from metainfl_reference.perturbation import Perturbation

Array = np.ndarray


def shift(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam*_{-p} - lam* (p,)."""
    after = family.remove(p, at)
    return Answer(after.lam - at.lam, after.certificate.bound + at.certificate.bound)


def general(family: Family, p: Perturbation, at: Solution) -> Answer:
    """Shift' H shift / p."""
    n, moved = family.n_meta, shift(family, p, at)
    d = moved.value

    def bound() -> Array:
        pushed, size = at.hessian @ d, float(np.linalg.norm(at.hessian, 2))
        own = 2 * float(np.linalg.norm(pushed)) * moved.bound + size * moved.bound**2
        bent = carried(family, at, lambda s: np.atleast_1d(d @ s.hessian @ d))
        return np.asarray((own + bent + 4 * n * EPS * size * (d @ d)) / n)

    return Answer(float(d @ at.hessian @ d) / n, bound)


def classical(family: SingleRidge, p: Perturbation, at: Solution) -> Answer:
    """Cook (1977) for one output: all instances of all tasks form the design."""
    e = family.episodes
    if e.query_y.shape[2] != 1:
        raise InvalidProblem("the classical distance is written for one output")
    x = e.query_x.reshape(-1, e.query_x.shape[2])
    y = e.query_y.reshape(-1)
    residual = x @ at.lam - y
    n, d = x.shape
    if n <= d:
        raise InvalidProblem(f"{n} instances for {d} features leave no residual variance")
    s2 = residual @ residual / (n - d)
    if s2 <= (n * EPS) ** 2 * float(y @ y):
        raise InvalidProblem("the fit leaves no residuals: Cook's distance is 0/0")
    change = shift(family, p, at)
    moved = x @ change.value
    value = float(moved @ moved) / (d * s2)

    def bound() -> Array:
        size = float(np.linalg.norm(x, 2))
        noise = 4 * d * EPS * (size * float(np.linalg.norm(at.lam)) + float(np.linalg.norm(y)))
        top = (size * change.bound + noise) / float(np.linalg.norm(moved))
        under = (size * at.certificate.bound + noise) / float(np.linalg.norm(residual))
        return np.asarray(2 * value * (top + under + n * EPS))

    return Answer(value, bound)
