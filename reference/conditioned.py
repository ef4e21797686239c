"""Problems with chosen condition numbers, inner and total: every family, by two constructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import InvalidProblem, NotCertified
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family
from metainfl_reference.generators import CLASSIFICATION, OPTIONS, classification, regression


def conditioned(
    seed: int,
    *,
    inner: float,
    total: float,
    tasks: int = 4,
    d: int = 4,
    c: int = 2,
    d_in: float = 1.0,
) -> Family:
    """Proximal ridge with chosen condition numbers of the inner and of the total Hessian.

    All tasks share right singular vectors V. Support singular values s give A = V (s^2 + d_in) V',
    with (s_max^2 + d_in)/(s_min^2 + d_in) = inner exactly (s_min = 0). H is then diagonal in V too,
    sum_i (d_in q / (s^2 + d_in))^2 + d_out with q the query singular values. The q of the softest
    inner direction puts an eigenvalue at 1, that of the stiffest is 0 and leaves d_out =
    1/(total - 1), and those between are spread geometrically as far as q <= 1 allows: larger queries
    would make H a small difference of large numbers, which no condition number shows.
    """
    rng = np.random.default_rng(seed)
    v = np.linalg.qr(rng.standard_normal((d, d)))[0]
    s2 = d_in * (np.geomspace(1.0, inner, d) - 1)
    j = d_in / (s2 + d_in)
    d_out = 1 / (total - 1) if total > 1 else 1.0
    wanted = np.geomspace(1.0, d_out, d)
    wanted[-1] = 0.0
    q2 = np.minimum(wanted / (j**2 * tasks), 1.0)
    n = d + 1
    sx, qx = np.empty((tasks, n, d)), np.empty((tasks, n, d))
    for i in range(tasks):
        for x, square in ((sx, s2), (qx, q2)):
            left = np.linalg.qr(rng.standard_normal((n, d)))[0]
            x[i] = left @ (np.sqrt(square)[:, None] * v.T)
    b = rng.standard_normal((tasks, d, c))
    noise = 0.3 * rng.standard_normal((2, tasks, n, c))
    episodes = Episodes(sx, sx @ b + noise[0], qx, qx @ b + noise[1])
    return FAMILIES["proximal_ridge"](episodes, d_in=d_in, d_out=d_out)


def stretched(name: str, seed: int, *, total: float, inner: float | None = None) -> Family:
    """Any family with condition numbers within a factor of two of those asked for.

    The last feature is shrunk until its curvature is near the regulariser's, and d_out (d_in, for
    the inner condition of the families that have one) is moved by continuation until the measured
    condition is right. Softmax targets are smoothed, so that small regularisers do not saturate it.
    Raises `NotCertified` where the family has no certifiable minimum that is so ill-conditioned.
    """
    if inner is not None and "d_in" not in OPTIONS[name]:
        raise InvalidProblem(f"{name} has no inner regulariser that could set an inner condition")
    for shrink in (1.0, 0.3):  # the feature's own curvature can be all that d_out may not exceed
        found = _regularised(name, _shrunk(name, seed, total, inner, shrink), total, inner)
        if found is not None:
            return found
    raise NotCertified(f"{name}: condition {total:.0e} (inner {inner}) was not reached")


def _regularised(name: str, episodes: Episodes, total: float, inner: float | None) -> Family | None:
    """Move the regularisers to the conditions asked for; None if that does not settle."""
    options, start = {**OPTIONS[name], "d_out": 0.1}, None
    for _ in range(16):
        family = FAMILIES[name](episodes, **options)
        at = family.solve(start=start)
        ratios = {"d_out": at.certificate.condition / total}
        if inner is not None:
            tasks = range(episodes.n_tasks)
            ratios["d_in"] = max(family.task(k, at.lam).inner_condition() for k in tasks) / inner
        if all(0.5 <= r <= 2 for r in ratios.values()):
            return family
        for key, ratio in ratios.items():
            options[key] *= float(np.clip(ratio, 0.1, 10.0))
        start = at.lam
    return None


def _shrunk(name: str, seed: int, total: float, inner: float | None, shrink: float) -> Episodes:
    """The last feature made small: everywhere, or on the support sides for an inner condition."""
    e = _well_posed(name, seed)
    if inner is not None:
        return replace(e, support_x=e.support_x * np.array([1.0, 1.0, shrink * inner**-0.5]))
    scale = np.array([1.0, 1.0, shrink * total**-0.5])
    return replace(e, support_x=e.support_x * scale, query_x=e.query_x * scale)


def _well_posed(name: str, seed: int) -> Episodes:
    """Four tasks that determine their parameters without any regulariser."""
    if name not in CLASSIFICATION:
        return regression(seed, tasks=4, support=6, query=6)
    e = classification(seed, tasks=4, shots=4, queries=6)
    return replace(e, support_y=0.7 * e.support_y + 0.1, query_y=0.7 * e.query_y + 0.1)
