"""TRAK for one linear layer with softmax, by its definition.

margin           f = log p_y - log(1 - p_y),  so dCE = -(1 - p_y) df
TRAK             M_i' P (P' M' M P + r I)^{-1} P' M_t, times 1 - p_y of the training image
Here the target is the loss, not the margin (times 1 - p_y of the test image), and n times the whole
is the mean form: -g_t' C^{-1} g_i with C = (1/n) sum of margins' gradients df df' + d I.
"""

from __future__ import annotations

import numpy as np

from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def confidence(problem: PeerProblem, x: Array, y: Array) -> tuple[Array, Array]:
    """Softmax outputs (n, 10) and the probability of each label (n,)."""
    z = x @ problem.case.solution.lam.reshape(problem.components, 10)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p[np.arange(len(y)), y]


def margin_gradients(problem: PeerProblem, x: Array, y: Array) -> Array:
    """df/dW, output by output as torch orders the weight (n, 10 components)."""
    p, own = confidence(problem, x, y)
    g = (np.eye(10)[y] - p) / (1 - own)[:, None]
    return np.einsum("nb,na->nba", g, x).reshape(len(x), -1)


def gram(problem: PeerProblem, projection: Array | None = None) -> Array:
    """P' M' M P + r I, r = n d, times the width of P: its columns are not of unit length."""
    x, y, _, _ = problem.data
    m = margin_gradients(problem, x, y)
    r = problem.n * problem.d
    if projection is not None:
        m, r = m @ projection, r * projection.shape[1]
    return m.T @ m + r * np.eye(m.shape[1])


def trak(problem: PeerProblem, projection: Array | None = None) -> Array:
    """The scores in the mean form with a minus sign (n, m)."""
    x, y, tx, ty = problem.data
    train, test = margin_gradients(problem, x, y), margin_gradients(problem, tx, ty)
    if projection is not None:
        train, test = train @ projection, test @ projection
    scores = train @ np.linalg.solve(gram(problem, projection), test.T)
    own, other = confidence(problem, x, y)[1], confidence(problem, tx, ty)[1]
    return -problem.n * (1 - own)[:, None] * scores * (1 - other)
