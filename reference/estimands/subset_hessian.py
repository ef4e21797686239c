"""The Hessian of a subset of the tasks, its influence, and its mean over all draws (001, Algs 1-2, line 2).

    H_S = sum_{i in S} c_i w_i D^2 L_O^i + d_out I,     influence by S:  -H_S^+ d(grad F)/d pi
c_i = n/|S| for a uniform subset of the n tasks of weight, 1/(p_i |S|) for |S| draws from p with replacement;
n/|S| there, too, is the bare sum. The paper prints neither p nor c. Means are over every subset, or every
sequence of draws by its probability: nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from metainfl_reference.answer import Answer, measured
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.linear import solve
from metainfl_reference.perturbation import Perturbation
from metainfl_reference.solution import Solution

Array = np.ndarray


def hessian(family: Family, at: Solution, drawn: Sequence[int], p: Array | None = None) -> Array:
    """H_S (p, p) of the tasks drawn, one drawn twice twice; reweighted by `p` (T,) where it is given."""
    n, size = int(np.count_nonzero(at.weights.task)), len(drawn)
    out = family.d_out * np.eye(family.n_meta)
    for i in drawn:
        c = n / size if p is None else 1 / (p[i] * size)
        out = out + c * at.weights.task[i] * family.task(i, at.lam, at.weights).hessian()
    return out


def influence(
    family: Family,
    perturbations: Sequence[Perturbation],
    at: Solution,
    drawn: Sequence[int],
    p: Array | None = None,
) -> Answer:
    """Rows (n, p), without components along a symmetry of F."""

    def rows(f: Family, s: Solution) -> Array:
        tangent = f.tangent(s.lam)
        flat = tangent @ tangent.T
        off, h = np.eye(len(flat)) - flat, hessian(f, s, drawn, p)
        rhs = off @ f.cross_derivatives(perturbations, s.lam, s.weights)
        scale = np.trace(h) / len(flat)
        return -(off @ solve(off @ h @ off + scale * flat, rhs)).T

    return measured(family, at, rows, rows=True)


def mean(
    family: Family, at: Solution, size: int, p: Array | None = None, *, reweighted: bool = True
) -> Array:
    """E[H_S] (p, p): over all uniform subsets of that size, or over all draws from p with replacement."""
    places = [int(i) for i in np.flatnonzero(at.weights.task)]
    if not 1 <= size <= len(places):
        raise InvalidProblem(f"subsets have 1 to {len(places)} tasks, got {size}")
    if p is None:
        return np.mean([hessian(family, at, s) for s in combinations(places, size)], axis=0)
    places = [i for i in places if p[i] > 0]
    own = p if reweighted else None
    draws = list(product(places, repeat=size))
    return np.sum([np.prod(p[list(s)]) * hessian(family, at, s, own) for s in draws], axis=0)


def difficulty(family: Family, at: Solution) -> Array:
    """p (T,) proportional to w_i L_O^i."""
    losses = [family.task(k, at.lam, at.weights).loss for k in range(family.episodes.n_tasks)]
    return _shares(at.weights.task * np.array(losses))


def uncertainty(family: Family, at: Solution) -> Array:
    """p (T,) proportional to w_i times the mean entropy of the softmax of the query outputs, by weight v."""
    found = []
    for k in range(family.episodes.n_tasks):
        local = family.task(k, at.lam, at.weights)
        sums = [getattr(local, name) for name in ("sum", "outer") if hasattr(local, name)]
        jet = sums[0].jet if sums else local.jet  # type: ignore[attr-defined]
        s = np.exp(jet.z - jet.z.max(axis=1, keepdims=True))
        s = s / s.sum(axis=1, keepdims=True)
        found.append(np.average(-np.sum(s * np.log(s), axis=1), weights=at.weights.query[k]))
    return _shares(at.weights.task * np.array(found))


def _shares(size: Array) -> Array:
    if not (np.all(size >= 0) and np.any(size > 0)):
        raise InvalidProblem("tasks are drawn by losses or entropies that are positive, not all 0")
    return size / size.sum()
