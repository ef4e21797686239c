"""Paper 002, TLXML: statements as printed, and corrected."""

from __future__ import annotations

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, Solution
from metainfl_reference.generators import classification
from metainfl_reference.losses import Jet

Array = np.ndarray


def gauss_newton(family: Family, at: Solution) -> Array:
    """002 eq. 11 for a softmax problem with a linear model: sum J' x x' (x) l'' J over tasks."""
    e = family.episodes
    out = np.zeros((family.n_meta, family.n_meta))
    for k in range(e.n_tasks):
        theta = family.task_parameters(k, at.lam).reshape(e.query_x.shape[2], -1)
        jacobian = family.task_jacobian(k, at.lam)
        d2 = Jet("softmax", e.query_x[k] @ theta, e.query_y[k]).d2
        for x, curve in zip(e.query_x[k], d2, strict=True):
            rows = np.kron(x[:, None], np.eye(len(curve)))  # (d c, c)
            out += jacobian.T @ rows @ curve @ rows.T @ jacobian
    return out


def rank_as_printed(tasks: int, ways: int, instances: int) -> int:
    """Section 4.3: non-flat directions "typically at most the number of training tasks"."""
    return tasks


def rank_corrected(tasks: int, ways: int, instances: int) -> int:
    """(c - 1) n M: each instance contributes the rank c - 1 of its softmax curvature."""
    return (ways - 1) * instances * tasks


def class_probability_as_printed(distances: Array) -> Array:
    """Section 3: P(i|x) = exp(+d_i) / sum exp(+d), d a distance."""
    e = np.exp(distances - distances.max())
    return e / e.sum()


def class_probability_corrected(distances: Array) -> Array:
    """exp(-d): near prototypes are likely."""
    return class_probability_as_printed(-distances)


def _rank() -> Measured:
    tasks, ways, n = 3, 3, 3
    e = classification(0, tasks=tasks, shots=1, queries=1, d=12, ways=ways)
    family = FAMILIES["proximal_softmax"](e, d_in=1.0, d_out=0.5)
    values = np.linalg.eigvalsh(gauss_newton(family, family.solve()))
    rank = int((values > 1e-10 * values[-1]).sum())
    if rank != rank_corrected(tasks, ways, n):
        raise AssertionError(f"rank {rank}, expected {rank_corrected(tasks, ways, n)}")
    unit = "rank of the Gauss-Newton matrix (3 tasks, 3 ways, 3 queries): claimed, measured"
    return Measured(rank_as_printed(tasks, ways, n), rank, unit, 1)


def _probability() -> Measured:
    e = classification(0, shots=5, queries=5, spread=0.3)
    hits = {"printed": [], "corrected": []}  # type: ignore[var-annotated]
    for sx, sy, qx, qy in zip(e.support_x, e.support_y, e.query_x, e.query_y, strict=True):
        centres = (sy.T @ sx) / sy.sum(axis=0)[:, None]
        for x, y in zip(qx, qy, strict=True):
            d = np.sum((x - centres) ** 2, axis=1)
            hits["printed"].append(y[class_probability_as_printed(d).argmax()])
            hits["corrected"].append(y[class_probability_corrected(d).argmax()])
    unit = "query accuracy, identity embedding"
    return Measured(float(np.mean(hits["printed"])), float(np.mean(hits["corrected"])), unit, 0.5)


ERRATA = (
    Erratum(
        "rank",
        "002, sect. 4.3",
        "non-flat directions at most M, the number of tasks",
        "(c - 1) n M",
        _rank,
    ),
    Erratum("prototype-sign", "002, sect. 3", "P(i|x) with exp(+d)", "exp(-d)", _probability),
)
