"""The influence measure FI of paper 004 (eqs 2.1-2.3), single-level softmax, corrected.

    b = d L(z')/d omega = d_theta L(z') d theta/d omega
    d theta/d omega     = -H^{-1} d_x d_theta L(z)      (004 prints +, and a second 1/n)
    G = sum_c P(c|x) s_c s_c',   s_c = d log P(c|x + omega, theta(omega))/d omega  (total, eq. 2.3)
    FI = b' G^+ b
F here is a sum over instances plus the regulariser, so H carries no 1/n and neither does the shift.
G has rank at most K - 1: its rows are weighted so that sum_c P(c) s_c = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metainfl_reference.answer import Answer, carried, rounding
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Solution
from metainfl_reference.losses import Jet
from metainfl_reference.perturbation import shift

Array = np.ndarray
RCOND = 1e-10  # G is a Gram matrix of at most K - 1 independent rows: its zeros are rounding


@dataclass(frozen=True)
class InputInfluence:
    """FI (an `Answer`) and what it is made of: b (d,), G (d, d), rank of G, b in G's range or not."""

    value: Answer
    slope: Array
    metric: Array
    rank: int
    in_range: bool


def influence_measure(
    family: SingleSoftmax,
    at: Solution,
    task: int,
    instance: int,
    x_test: Array,
    y_test: Array,
    *,
    moves: Array | None = None,
) -> InputInfluence:
    """FI of the shift of one training input on the loss at (x_test, y_test).

    `moves` replaces d theta/d omega (d, p), one row a feature, by another formula for it.
    """
    d = family.episodes.query_x.shape[2]
    axes = [shift("query", task, instance, a) for a in range(d)]
    x = family.episodes.query_x[task, instance]

    def parts(s: Solution) -> tuple[Array, Array]:
        """b and G."""
        turned = family.influence(axes, s).value if moves is None else moves
        mat = s.lam.reshape(d, -1)
        test = Jet("softmax", (x_test @ mat)[None], y_test[None])
        slope = turned @ np.outer(x_test, test.d1[0]).reshape(-1)
        prob = Jet("softmax", (x @ mat)[None], np.zeros((1, mat.shape[1]))).s[0]
        # d logit_c/d omega: through theta, and through x itself
        logits = np.einsum("ode,d->oe", turned.reshape(d, d, -1), x) + mat
        scores = logits - (logits @ prob)[:, None]  # (d, K)
        return slope, (scores * prob) @ scores.T

    def measure(s: Solution) -> Array:
        slope, metric = parts(s)
        return np.atleast_1d(slope @ _inverse(metric) @ slope)

    slope, metric = parts(at)
    inverse, top = _inverse(metric), float(np.linalg.norm(metric, 2))
    rank = int(np.linalg.matrix_rank(metric, tol=RCOND * top))
    off = np.linalg.norm(metric @ inverse @ slope - slope)

    def bound() -> Array:
        condition = top * float(np.linalg.norm(inverse, 2))
        noise = rounding(family, at) * condition * float(np.linalg.norm(slope)) ** 2
        return carried(family, at, measure) + noise * float(np.linalg.norm(inverse, 2))

    return InputInfluence(
        Answer(float(slope @ inverse @ slope), bound),
        slope,
        metric,
        rank,
        bool(off <= 1e-8 * np.linalg.norm(slope)),
    )


def _inverse(metric: Array) -> Array:
    """G^+."""
    return np.linalg.pinv(metric, rcond=RCOND, hermitian=True)
