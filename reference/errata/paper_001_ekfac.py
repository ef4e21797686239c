"""Paper 001, A.3: the diagonal of EK-FAC, as printed, and corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.errata.paper_001 import relative
from metainfl_reference.generators import small
from metainfl_reference.linear_model import LinearModelSum

Array = np.ndarray


def ekfac_as_printed(q: Array, gradients: Array) -> Array:
    """Lambda*_ii = n^-1 sum_j (Q grad_j)_i^2, gradients one a column (d, n)."""
    return np.mean((q @ gradients) ** 2, axis=1)


def ekfac_corrected(q: Array, gradients: Array) -> Array:
    """n^-1 sum_j (Q' grad_j)_i^2, the diagonal of Q' G Q: eq. 20 has eigenvectors as Q's columns."""
    return np.mean((q.T @ gradients) ** 2, axis=1)


def _orders_and_signs(q: Array) -> Iterator[Array]:
    """Every matrix of these eigenvectors, which have neither order nor signs; -Q gives the same squares."""
    for order in permutations(range(len(q))):
        for signs in product((1.0, -1.0), repeat=len(q) - 1):
            yield q[:, order] * (1.0, *signs)


def ekfac_errors(form: Callable[[Array, Array], Array]) -> Iterator[float]:
    """Relative distance of Q Lambda* Q' from the nearest matrix to G with these eigenvectors, each Q.

    The nearest one is found by least squares over the q_i q_i', without the formula.
    """
    family = small("proximal_softmax", 0)
    e, theta = family.episodes, family.task_parameters(0, family.solve().lam)
    inner = LinearModelSum(e.support_x[0], e.support_y[0], np.ones(6), theta, "softmax")
    gradients, slopes = inner.gradient_by_weight(), inner.jet.d1
    bases = [np.linalg.eigh(rows.T @ rows / 6)[1] for rows in (inner.x, slopes)]
    q = np.kron(*bases)
    spans = np.stack([np.outer(v, v).reshape(-1) for v in q.T], axis=1)
    fisher = (gradients @ gradients.T / 6).reshape(-1)
    nearest = spans @ np.linalg.lstsq(spans, fisher, rcond=None)[0]
    for omega in _orders_and_signs(bases[0]):
        for gamma in _orders_and_signs(bases[1]):
            q = np.kron(omega, gamma)
            yield relative(((q * form(q, gradients)) @ q.T).reshape(-1), nearest)


def _ekfac() -> Measured:
    unit = "relative distance from the nearest matrix with these eigenvectors: best, worst order and signs"
    return Measured(
        min(ekfac_errors(ekfac_as_printed)), max(ekfac_errors(ekfac_corrected)), unit, 0.1
    )


ERRATA = (
    Erratum(
        "a.3-ekfac",
        "001, A.3 (text machine-extracted)",
        "EK-FAC's Lambda*_ii from (Q grad)_i^2",
        "(Q' grad)_i^2: eq. 20 has eigenvectors as columns of Q; check a lost transpose against the PDF",
        _ekfac,
    ),
)
