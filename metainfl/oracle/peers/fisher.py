"""EK-FAC names at least three estimators: here they are for one linear layer with softmax.

A = (1/n) sum x x',  S = (1/n) sum E[g g'],  g = p - onehot(y) the output gradient
type-2       E over y ~ p, exactly: g g' -> diag p - p p'
empirical    g at the data's labels
sampled      g at one label drawn from p: right on average, different every run
K-FAC inverse    (A (x) S + d I)^{-1}
EK-FAC           eigenvectors of A and S, eigenvalues E[(U_A' x)_a^2 (U_S' g)_b^2], plus d
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray
Kind = Literal["type-2", "empirical", "sampled"]


def probabilities(problem: PeerProblem) -> Array:
    """Softmax outputs on the training images (n, 10)."""
    x = problem.data[0]
    z = x @ problem.case.solution.lam.reshape(problem.components, 10)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def output_gradients(problem: PeerProblem, kind: Kind, seed: int = 0) -> tuple[Array, Array]:
    """g (k, n, 10) and their weights (k, n): k = 10 labels for type-2, 1 otherwise."""
    p, y, eye = probabilities(problem), problem.data[1], np.eye(10)
    if kind == "type-2":
        return p[None] - eye[:, None, :], p.T
    if kind == "sampled":
        rng = np.random.default_rng(seed)
        y = np.array([rng.choice(10, p=row) for row in p])
    return (p - eye[y])[None], np.ones((1, len(p)))


def scores(
    problem: PeerProblem, kind: Kind, *, corrected: bool, seed: int = 0, shrink: float = 1.0
) -> Array:
    """-g_t' C^{-1} g_i in the mean form (n, m), C the K-FAC or (corrected) EK-FAC curvature.

    `shrink` multiplies the eigenvalues: 1/n^2 is what output gradients of a batch-mean loss give.
    """
    x, y, tx, ty = problem.data
    g, w = output_gradients(problem, kind, seed)
    a = x.T @ x / len(x)
    s = np.einsum("kn,knb,knc->bc", w, g, g) / len(x)
    la, ua = np.linalg.eigh(a)
    ls, us = np.linalg.eigh(s)
    values = np.outer(la, ls)
    if corrected:
        values = np.einsum("na,kn,knb->ab", (x @ ua) ** 2, w, (g @ us) ** 2) / len(x)
    values = shrink * values
    p, lam = probabilities(problem), problem.case.solution.lam.reshape(problem.components, 10)
    z = tx @ lam
    e = np.exp(z - z.max(axis=1, keepdims=True))
    pt = e / e.sum(axis=1, keepdims=True)
    train = np.einsum("na,nb->nab", x @ ua, (p - np.eye(10)[y]) @ us)
    test = np.einsum("na,nb->nab", tx @ ua, (pt - np.eye(10)[ty]) @ us)
    return -np.einsum("nab,ab,mab->nm", train, 1 / (values + problem.d), test)


def gauss_newton_diagonal(problem: PeerProblem, kind: Kind, seed: int = 0) -> Array:
    """The same with the diagonal of the Fisher matrix (n, m)."""
    x, y, tx, ty = problem.data
    g, w = output_gradients(problem, kind, seed)
    values = np.einsum("na,kn,knb->ab", x**2, w, g**2) / len(x)
    p, lam = probabilities(problem), problem.case.solution.lam.reshape(problem.components, 10)
    z = tx @ lam
    e = np.exp(z - z.max(axis=1, keepdims=True))
    pt = e / e.sum(axis=1, keepdims=True)
    train = np.einsum("na,nb->nab", x, p - np.eye(10)[y])
    test = np.einsum("na,nb->nab", tx, pt - np.eye(10)[ty])
    return -np.einsum("nab,ab,mab->nm", train, 1 / (values + problem.d), test)
