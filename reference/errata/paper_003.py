"""Paper 003, the survey of influence estimation: formulas as printed, and corrected."""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer
from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.estimands import knn_shapley, subsampling, values
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import regression, small
from metainfl_reference.wide import EPS

Array = np.ndarray


def eq_25_as_printed(match: Array, k: int) -> Answer:
    """The game v(S) = -(1/k) #{matches among the k nearest}."""
    return Answer.exactly(-knn_shapley.game(match, k).value)


def eq_25_corrected(match: Array, k: int) -> Answer:
    """Plus: the value whose Shapley value eq. 26 is."""
    return knn_shapley.game(match, k)


def eq_37_as_printed(family: Family) -> Array:
    """Minimiser of sum L + (d/2) |lam| (norm, not squared), by Newton from the squared one."""
    lam = family.solve().lam
    for _ in range(100):
        size = np.linalg.norm(lam)
        unit = lam / size
        gradient, hessian = family.slope_and_curvature(lam)
        gradient = gradient - family.d_out * lam + 0.5 * family.d_out * unit
        bend = 0.5 * family.d_out * (np.eye(len(lam)) - np.outer(unit, unit)) / size
        step = np.linalg.solve(hessian - family.d_out * np.eye(len(lam)) + bend, gradient)
        lam = lam - step
        if np.linalg.norm(step) < 8 * EPS * np.linalg.norm(lam):
            break
    return lam


def eq_37_corrected(family: Family) -> Array:
    """Minimiser of sum L + (d/2) |lam|^2."""
    return family.solve().lam


def representer_gap(family: Family, lam: Array) -> float:
    """|lam + (1/d) sum D L| / |lam|: eq. 40's identity, relative."""
    total = family.gradient(lam) - family.d_out * lam
    return float(np.linalg.norm(lam + total / family.d_out) / np.linalg.norm(lam))


def _knn() -> Measured:
    match = np.array([1.0, 0, 1, 1, 0, 0])
    phi = knn_shapley.closed_form(match, 3).value
    scale = np.abs(phi).max()
    printed = np.abs(values.shapley(eq_25_as_printed(match, 3)).value - phi).max() / scale
    corrected = np.abs(values.shapley(eq_25_corrected(match, 3)).value - phi).max() / scale
    return Measured(
        float(printed), float(corrected), "relative gap of eq. 26 to the enumeration", 1.9
    )


def _representer() -> Measured:
    family = FAMILIES["single_ridge"](regression(0), d_out=2.0)
    printed = representer_gap(family, eq_37_as_printed(family))
    corrected = representer_gap(family, eq_37_corrected(family))
    return Measured(printed, corrected, "relative gap of eq. 40 (representer sum)", 0.1)


def c_score_correlation() -> float:
    """Pearson correlation of C-score (eq. 16) and mean loss over target tasks of graded difficulty."""
    family = small("proximal_ridge", 1)
    at = family.solve()
    games = [values.game(family, t, at) for t in targets(regression(7, tasks=6, noise=1.0))]
    scores = [float(subsampling.c_score(v).value) for v in games]
    losses = [
        float(np.mean([-subsampling.consistency_profile(v, m).value for m in range(1, 6)]))
        for v in games
    ]
    return float(np.corrcoef(scores, losses)[0, 1])


def _c_score() -> Measured:
    unit = "correlation of C-score with difficulty (mean loss): claimed sign, measured"
    return Measured(1.0, c_score_correlation(), unit, 1.9)


ERRATA = (
    Erratum(
        "eq-25-knn", "003, eq. 25", "k-NN value with a minus sign", "plus, as eq. 26 needs", _knn
    ),
    Erratum(
        "eq-37-norm",
        "003, eq. 37 (text machine-extracted)",
        "regulariser (lambda/2) |theta|",
        "(lambda/2) |theta|^2, which eqs 39-44 need; check a lost square against the PDF",
        _representer,
    ),
    Erratum(
        "c-score",
        "003, sect. 4.2.3",
        "a large C-score means harder",
        "easier, by eqs 15-16",
        _c_score,
    ),
)
