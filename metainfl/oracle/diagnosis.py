"""Which named wrong variant an answer looks like, if any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.estimands import Estimand
from metainfl.oracle.measure import distance
from metainfl.oracle.variants import VARIANTS, Variant, printed_constants
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.errors import TruthError

Array = np.ndarray
MATCH = 1e-6  # a variant is recognised when it is a thousand times nearer than any approximation is


def diagnose(
    answer: Array,
    truth: Array,
    case: Case,
    pis: Sequence[Perturbation],
    estimand: Estimand | None,
) -> str:
    """Words for the variant that the answer equals to 1e-6, or what is known about its error.

    `estimand` turns the variants, which are influences, into what is claimed; None where it cannot.
    """
    d = distance(answer, truth)
    if d.relative <= 1e-3 and d.relative <= 1e3 * float(np.finfo(np.float32).eps):
        return (
            "right to single precision: arithmetic in float32, or an iterative solve stopped early"
        )
    words = _rescaled(answer, truth, case)
    if words:
        return words
    if estimand is not None:
        for name, f in VARIANTS.items():
            found = _tried(f, case, pis)
            if found is None or not np.isfinite(found).all():
                continue
            projected = estimand.project(case.known, found)
            if projected is None:
                break
            found = projected.reshape(len(found), -1)
            for sign, prefix in ((1, ""), (-1, "minus ")):
                if (
                    np.linalg.norm(sign * found)
                    and distance(answer, sign * found).relative <= MATCH
                ):
                    return f"equals {prefix}{name}"
            own = distance(answer, found)
            if own.rescaled <= MATCH and own.cosine > 0 and "gradient" not in name:
                factor = float(np.linalg.norm(answer) / np.linalg.norm(found))
                return f"equals {factor:.4g} times {name}"
    words = _rows(answer, truth)
    if words:
        return words
    if d.cosine > 0.99:
        return f"no known variant; nearly parallel to the truth (cosine {d.cosine:.4f})"
    return "no known variant"


def _tried(f: Variant, case: Case, pis: Sequence[Perturbation]) -> Array | None:
    """The variant's value, or None where it is not defined for this problem or these perturbations."""
    try:
        with np.errstate(all="ignore"):
            return f(case, pis)
    except (TruthError, np.linalg.LinAlgError):
        return None


def _rescaled(answer: Array, truth: Array, case: Case) -> str:
    d = distance(answer, truth)
    if not np.linalg.norm(answer):
        return "identically zero (001, eq. 6 is, where L_O reads lam only through theta)"
    if d.rescaled > MATCH:
        return ""
    factor = float(np.sum(answer * truth) / np.sum(truth * truth))
    for words, value in printed_constants(case, case.solution).items():
        if abs(factor / value - 1) <= MATCH:
            return (
                f"the truth with {words}"
                if words.startswith(("the", "a "))
                else f"the truth {words}"
            )
    return f"the truth times {factor:.6g}"


def _rows(answer: Array, truth: Array) -> str:
    """Rows that are the truth's, in another order or each at its own scale."""
    scale = np.linalg.norm(truth, axis=1)
    if (scale == 0).any() or len(truth) < 2:
        return ""
    gaps = np.linalg.norm(answer[:, None, :] - truth[None, :, :], axis=2) / scale[None, :]
    if (gaps.min(axis=1) <= MATCH).all():
        return "rows of the truth, in the wrong order or repeated"
    factors = np.sum(answer * truth, axis=1) / scale**2
    if np.linalg.norm(answer - factors[:, None] * truth) <= MATCH * np.linalg.norm(answer):
        if np.ptp(np.linalg.norm(answer, axis=1)) <= MATCH:
            return "each row normalised to the same length"
        return f"each row at its own scale (factors {factors.min():.4g} to {factors.max():.4g})"
    return ""
