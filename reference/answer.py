"""An answer and a bound on its distance from the truth; what every estimand returns.

Three things make the distance: the error of lam* (its certificate says how large), carried on to the
estimand; rounding on the way; and, for sums over answers, their bounds added up. A bound is worked
out when it is first asked for, as it may cost several times the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from metainfl_reference.certificate import EPS, SAFETY
from metainfl_reference.errors import NotCertified
from metainfl_reference.wide import LEFT, available

if TYPE_CHECKING:
    from metainfl_reference.family import Family, Solution
    from metainfl_reference.local import TaskData

Array = np.ndarray
STEP = 1e-6  # relative: far above rounding, far below any change of regime


class Answer:
    """`value`, and `bound` on |value - truth|: one bound an entry, or one a row (2-norm)."""

    def __init__(self, value: Array | float, bound: Array | float | Callable[[], Array]) -> None:
        self.value = np.asarray(value)
        self._bound = bound

    @classmethod
    def exactly(cls, value: Array | float) -> Answer:
        """An answer that is given, not computed: bound 0."""
        return cls(value, np.zeros(np.shape(value)))

    @cached_property
    def bound(self) -> Array:
        """The bound; finite, or `NotCertified`."""
        out = np.asarray(self._bound() if callable(self._bound) else self._bound)
        if not np.all(np.isfinite(out)):
            raise NotCertified(f"no finite error bound for this answer: {out}")
        return out

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        """The value where numpy wants an array: the bound stays behind."""
        out = np.asarray(self.value, dtype=dtype)  # type: ignore[call-overload]
        return out.copy() if copy else out

    def __getitem__(self, i: int | slice) -> Answer:
        """One row or entry, its bound with it."""
        return Answer(self.value[i], lambda: self.bound[i])

    def mapped(self, matrix: Array) -> Answer:
        """matrix @ value for a vector of answers (n,): bounds |matrix| @ bound and its rounding."""
        size = np.abs(matrix)

        def bound() -> Array:
            return size @ (self.bound + len(self.value) * EPS * np.abs(self.value))

        return Answer(matrix @ self.value, bound)


def beside(value: Array, wide: Array, *, rows: bool = False) -> Array:
    """A bound on |value - truth| from the same formula in the wide format: an entry, or a row (2-norm).

    |value - wide| is the rounding of `value`. The wide evaluation loses LEFT of that itself; where the
    narrow one came out right by luck the largest gap of the array stands for it, sixteenfold.
    """
    if not available():
        raise NotCertified("no floating-point format wider than float64 here: no bound is measured")
    off = np.abs(np.asarray(value) - wide)
    off = np.sqrt(np.sum(off * off, axis=-1)) if rows else off
    return np.asarray(2 * off + 16 * LEFT * off.max(initial=0), float)


def carried(family: Family, at: Solution, estimand: Callable[[Solution], Array]) -> Array:
    """How far the error of lam* can move the estimand: ten times the largest sampled rate of change.

    Rates are differences along three random directions; one a row for answers (n, p), in 2-norm, and
    one an entry for scalars: the estimand says which by the shape of what it returns, (n, 1) or (n, p).
    """
    rng, here, most = np.random.default_rng(0), estimand(at), 0.0
    for _ in range(3):
        d = rng.standard_normal(len(at.lam))
        d *= STEP * max(1.0, float(np.linalg.norm(at.lam))) / np.linalg.norm(d)
        lam = at.lam + d
        there = replace(at, lam=lam, hessian=family.total_hessian(lam, at.weights))
        moved = np.linalg.norm(estimand(there) - here, axis=-1) / np.linalg.norm(d)
        most = np.maximum(most, moved)
    return SAFETY * np.asarray(most) * at.certificate.bound


def rounding(family: Family, at: Solution) -> float:
    """Relative error of a solve with H whose right-hand side went through the inner solves."""
    return 16 * family.n_meta * EPS * at.certificate.condition * inner_condition(family, at)


def inner_condition(family: Family, at: Solution) -> float:
    """The largest condition number of an inner problem."""
    tasks = np.flatnonzero(at.weights.task)
    return max(
        (family.task(int(k), at.lam, at.weights).inner_condition() for k in tasks), default=1
    )


def target_loss(family: Family, target: TaskData, lam: Answer) -> Answer:
    """L_t at a minimiser known to within lam.bound (first order, doubled for the rest)."""

    def bound() -> Array:
        local = family.local(target, lam.value)
        slope = float(np.linalg.norm(local.gradient()))
        noise = 8 * family.n_meta * EPS * local.inner_condition()
        size = abs(local.loss) + slope * float(np.linalg.norm(lam.value))
        return np.asarray(2 * slope * lam.bound + noise * size)

    return Answer(family.target_loss(target, lam.value).real, bound)
