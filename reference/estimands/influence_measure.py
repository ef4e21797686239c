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

from metainfl_reference.answer import Answer, beside
from metainfl_reference.errors import NotCertified
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Family
from metainfl_reference.linear import solve
from metainfl_reference.losses import Jet
from metainfl_reference.perturbation import shift
from metainfl_reference.solution import Solution

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

    def parts(f: Family, s: Solution) -> tuple[Array, Array, Array]:
        """b (d,), total scores (d, K), class probabilities (K,)."""
        cross = f.cross_derivatives(axes, s.lam, s.weights)
        turned = -f.apply_inverse(s, cross).T if moves is None else moves
        mat, x = s.lam.reshape(d, -1), f.episodes.query_x[task, instance]
        test = Jet("softmax", (x_test @ mat)[None], y_test[None])
        slope = turned @ np.outer(x_test, test.d1[0]).reshape(-1)
        prob = Jet("softmax", (x @ mat)[None], np.zeros((1, mat.shape[1]))).s[0]
        # d logit_c/d omega: through theta, and through x itself
        logits = np.einsum("ode,d->oe", turned.reshape(d, d, -1), x) + mat
        return slope, logits - (logits @ prob)[:, None], prob

    slope, scores, prob = parts(family, at)
    metric = (scores * prob) @ scores.T
    inverse, top = np.linalg.pinv(metric, rcond=RCOND, hermitian=True), np.linalg.norm(metric, 2)
    rank = int(np.linalg.matrix_rank(metric, tol=RCOND * float(top)))
    off = np.linalg.norm(metric @ inverse @ slope - slope)
    value = np.asarray(slope @ inverse @ slope)
    return InputInfluence(
        Answer(value, lambda: beside(value, _length(rank, *parts(*family.refined(at))))),
        slope,
        metric,
        rank,
        bool(off <= 1e-8 * np.linalg.norm(slope)),
    )


def _length(rank: int, slope: Array, scores: Array, prob: Array) -> Array:
    """b' G^+ b without a pseudo-inverse, for any format: b'G^{-1}b at full rank, else by K - 1 scores.

    sum_c P_c s_c = 0, so G = S M S' with the first K - 1 scores as columns of S and
    M = diag(P) + P P'/P_K; with independent columns G^+ = (S^+)' M^{-1} S^+.
    """
    d, k = scores.shape
    if rank == d:
        return slope @ solve((scores * prob) @ scores.T, slope)
    if rank != k - 1:
        raise NotCertified(
            f"G has rank {rank}, neither {d} nor {k - 1}: its range hangs on rounding, and FI has no "
            "error bound"
        )
    s, m = scores[:, :-1], np.diag(prob[:-1]) + np.outer(prob[:-1], prob[:-1]) / prob[-1]
    own = solve(s.T @ s, s.T @ slope)
    return own @ solve(m, own)
