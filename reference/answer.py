"""An answer and a bound on its distance from the truth; what every estimand returns.

Two things make the distance: the error of lam*, and rounding on the way to the estimand. Both are
measured, not estimated: the same formula is evaluated again in a wider format, at the minimiser of that
format, and the gap is the error. For sums over answers bounds add up. A bound is worked out when it is
first asked for, as it may cost several times the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np

from metainfl_reference.errors import NotCertified
from metainfl_reference.local import TaskData
from metainfl_reference.solution import Bilevel, Solution
from metainfl_reference.wide import EPS, LEFT, lifted, lifted_family, widened

Array = np.ndarray
F = TypeVar("F", bound=Bilevel)


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


def beside(value: Array, wide: Array | complex, *, rows: bool = False) -> Array:
    """A bound on |value - truth| from the same formula in the wide format: an entry, or a row (2-norm).

    |value - wide| is the rounding of `value`. The wide evaluation loses LEFT of that itself; where the
    narrow one came out right by luck the largest gap of the array stands for it, sixteenfold.
    """
    off = np.asarray(np.abs(np.asarray(value) - wide), float)
    off = np.linalg.norm(off, axis=-1) if rows else off
    return 2 * off + 16 * LEFT * off.max(initial=0)


def measured(
    family: F,
    at: Solution,
    estimand: Callable[[F, Solution], Array],
    *,
    rows: bool = False,
) -> Answer:
    """The estimand at a solution; its bound from the same formula at the wide minimiser.

    So the gap holds all there is: the error of lam*, and every rounding since, on every row.
    """
    value = estimand(family, at)
    return Answer(value, lambda: beside(value, estimand(*family.refined(at)), rows=rows))


def target_loss(family: Bilevel, target: TaskData, lam: Answer) -> Answer:
    """L_t at a minimiser known to within lam.bound (first order, doubled for the rest)."""

    def bound() -> Array:
        slope = float(np.linalg.norm(family.target_gradient(target, lam.value)))
        there = lifted_family(family).target_loss(lifted(target), widened(lam.value))
        size = float(abs(there)) + slope * float(np.linalg.norm(lam.value))
        own = beside(value, there) + 16 * LEFT * EPS * size
        return np.asarray(2 * slope * lam.bound + own, float)

    value = np.asarray(family.target_loss(target, lam.value).real)
    return Answer(value, bound)
