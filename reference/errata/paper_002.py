"""Paper 002, TLXML: statements as printed, and corrected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import classification
from metainfl_reference.losses import Jet
from metainfl_reference.perturbation import task
from metainfl_reference.solution import Solution

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


def hessian_as_printed(x: Array, t: Array, omega: Array) -> Array:
    """Eq. 18: the second term with sigma_i, the class that t counts, in place of sigma_k."""
    return _hessian(x, t, omega, lambda s, i, k: s[i])


def hessian_corrected(x: Array, t: Array, omega: Array) -> Array:
    """Eq. 10: sigma_k."""
    return _hessian(x, t, omega, lambda s, i, k: s[k])


def _logits(x: Array, omega: Array) -> Array:
    """y_k = u_k + u_k^2/2 with u_k = x . omega_k: logits with a second derivative."""
    u = omega @ x
    return u + u**2 / 2


def cross_entropy_gradient(x: Array, t: Array, omega: Array) -> Array:
    """Gradient of -sum_n t log sigma(y_n) in omega (K, d), flattened."""
    out = np.zeros(omega.shape, dtype=omega.dtype)
    for row, target in zip(x, t, strict=True):
        s = Jet("softmax", _logits(row, omega)[None], target[None]).s[0]
        out = out + np.outer((target.sum() * s - target) * (1 + omega @ row), row)
    return out.reshape(-1)


def _hessian(x: Array, t: Array, omega: Array, pick: Callable[[Array, int, int], float]) -> Array:
    """sum_nik t_i sigma_k (delta_kj - sigma_j) dy_k dy_j - t_i (delta_ik - pick) d2 y_k."""
    k, d = omega.shape
    out = np.zeros((k, d, k, d))
    for row, target in zip(x, t, strict=True):
        s = Jet("softmax", _logits(row, omega)[None], target[None]).s[0]
        slope, outer = 1 + omega @ row, np.outer(row, row)
        for a in range(k):
            for b in range(k):
                out[a, :, b] += s[a] * ((a == b) - s[b]) * slope[a] * slope[b] * outer
            out[a, :, a] -= sum(target[i] * ((i == a) - pick(s, i, a)) for i in range(k)) * outer
    return out.reshape(k * d, k * d)


def self_ranks(family: Family, at: Solution, sign: float) -> float:
    """Share of tasks that stand first, highest first, in the column of themselves as target."""
    tasks = [task(k) for k in range(family.episodes.n_tasks)]
    moves = family.influence(tasks, at).value
    slopes = np.stack([family.target_gradient(t, at.lam) for t in targets(family.episodes)])
    scores = sign * moves @ slopes.T
    return float(np.mean(scores.argmax(axis=0) == np.arange(len(tasks))))


def _sigma() -> Measured:
    rng = np.random.default_rng(0)
    x, t, omega = (
        rng.standard_normal((6, 2)),
        np.eye(3)[[0, 1, 2, 0, 1, 2]],
        rng.standard_normal((3, 2)),
    )
    columns = []
    for i in range(6):
        step = omega.astype(complex)
        step.flat[i] += 1e-30j
        columns.append(cross_entropy_gradient(x, t, step).imag / 1e-30)
    truth = np.stack(columns, axis=1)
    one, other = (
        float(np.linalg.norm(f(x, t, omega) - truth) / np.linalg.norm(truth))
        for f in (hessian_as_printed, hessian_corrected)
    )
    return Measured(one, other, "relative distance from the Hessian by complex step", 0.1)


def _self_rank() -> Measured:
    family = FAMILIES["maml_softmax"](classification(1, tasks=6), d_out=0.5, steps=2, alpha=0.1)
    at = family.solve()
    unit = "share of tasks that rank first for themselves: by I_perf, by -I_perf"
    return Measured(self_ranks(family, at, 1.0), self_ranks(family, at, -1.0), unit, 0.5)


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
            hits["printed"].append(y[int(np.argmax(class_probability_as_printed(d)))])
            hits["corrected"].append(y[int(np.argmax(class_probability_corrected(d)))])
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
    Erratum(
        "eq-18-sigma",
        "002, eq. 18",
        "sigma_i in the second term",
        "sigma_k, as eq. 10 has it",
        _sigma,
    ),
    Erratum(
        "self-rank",
        "002, eq. 7, Property 1, self-rank",
        "the identical training task has the highest I_perf",
        "its score is -g' H^-1 g < 0: ranks need -I_perf. (Section 4.2 prints O(p^3) for the inverse "
        "of a q x q matrix, q the number of meta-parameters: O(q^3).)",
        _self_rank,
    ),
    Erratum("prototype-sign", "002, sect. 3", "P(i|x) with exp(+d)", "exp(-d)", _probability),
)
