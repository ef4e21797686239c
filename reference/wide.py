"""The same formulas in a wider floating-point format: how an answer's own rounding is measured.

The families' formulas are written for any number type: complex numbers give complex steps, wide
numbers give answers with at least 11 bits more. Two evaluations of one formula differ by the rounding
of the narrow one, on every row, also where a row is lost to cancellation: nothing has to be assumed
about which operation lost the digits, and condition numbers enter as they act, not as products of
worst cases.

The format is numpy's long double (80 bits on x86, quadruple on some others); where that is no wider
than float64 (Apple's and Microsoft's platforms), arrays of mpmath numbers at 113 bits, which are slower.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray
EPS = float(np.finfo(np.float64).eps)
NATIVE = float(np.finfo(np.longdouble).eps) < EPS / 256  # long double is wide enough
BITS = 113
# What the wide format leaves of a float64 rounding error.
LEFT = float(np.finfo(np.longdouble).eps) / EPS if NATIVE else 2.0**-BITS / EPS
T = TypeVar("T")


def _numbers() -> Any:
    """mpmath numbers of our own precision, with the methods that numpy asks objects for."""
    import mpmath  # needed on these platforms only

    context = mpmath.MPContext()
    context.prec = BITS
    for kind in (context.mpf, context.mpc):  # classes of this context alone: nothing global changes
        for name in ("exp", "log", "sqrt"):
            setattr(kind, name, _method(getattr(context, name)))
    return context


def _method(function: Any) -> Any:
    return lambda self: function(self)


CONTEXT = None if NATIVE else _numbers()


def widened(x: Any) -> Any:
    """x in the wide format: an array, or a number where x is one."""
    if CONTEXT is None:
        return np.asarray(x, np.longdouble)[()]
    convert = np.frompyfunc(CONTEXT.mpf, 1, 1)
    return convert(np.asarray(x, float if np.asarray(x).dtype != object else object))


def like(reference: Array, x: Any) -> Array:
    """Numbers x, given as float64, as an array in the format of `reference`."""
    if is_wide(reference) and reference.dtype.kind != "c":
        return np.asarray(widened(x))
    return np.asarray(x, reference.dtype)


def is_wide(x: Array) -> bool:
    """Whether x is in the wide format, real or complex."""
    if CONTEXT is None:
        return x.dtype.type in (np.longdouble, np.clongdouble)
    return bool(x.dtype == object)


def is_complex(x: Array) -> bool:
    """Whether x holds complex numbers."""
    if x.dtype == object and CONTEXT is not None:
        return any(isinstance(value, (complex, CONTEXT.mpc)) for value in x.flat)
    return x.dtype.kind == "c"


def narrow(x: Array) -> Array:
    """x in float64, or complex128."""
    return np.asarray(x).astype(complex if is_complex(np.asarray(x)) else float)


def norm(x: Array) -> float:
    """The 2-norm of a vector in any format, as a float."""
    return float(np.linalg.norm(narrow(x)))


def real(x: Array) -> Array:
    """Real parts, in x's own format."""
    return np.frompyfunc(lambda value: value.real, 1, 1)(x) if x.dtype == object else x.real


def imag(x: Array) -> Array:
    """Imaginary parts, in x's own format."""
    return np.frompyfunc(lambda value: value.imag, 1, 1)(x) if x.dtype == object else np.imag(x)


def eps_of(x: Array) -> float:
    """The unit roundoff of x's format."""
    return 2.0**-BITS if x.dtype == object else float(np.finfo(x.dtype).eps)


def lifted(x: T) -> T:
    """Weights or a task with every array in the wide format."""
    return replace(x, **{n: widened(a) for n, a in vars(x).items()})  # type: ignore[type-var]


def lifted_family(family: T) -> T:
    """The same family in the wide format: data, regularisers and rates."""
    out: Any = copy.copy(family)
    out.episodes = copy.copy(out.episodes)
    for name, a in vars(out.episodes).items():
        object.__setattr__(out.episodes, name, widened(a))  # frozen, and a copy of our own
    for name, a in vars(out).items():
        if isinstance(a, (float, np.ndarray)):
            setattr(out, name, widened(a))
    return out
