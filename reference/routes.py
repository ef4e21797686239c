"""The certification table: every family and estimand by two routes, with their agreement.

Agreement is the largest difference over the largest entry (max norms over the whole array); bound is
the certificate of lam* where the estimand rests on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metainfl_reference.estimands import (
    cook,
    input_shift,
    knn_shapley,
    removal,
    representer,
    subsampling,
    trajectory,
    values,
)
from metainfl_reference.families import FAMILIES, SingleRidge, SingleSoftmax
from metainfl_reference.family import Family, Solution, targets
from metainfl_reference.generators import classification, conditioned, regression, small, tiny
from metainfl_reference.perturbation import Perturbation, group, query, shift, support, task
from metainfl_reference.second_route import complex_step, richardson

Array = np.ndarray


@dataclass(frozen=True)
class Agreement:
    """One line: what was confirmed, how, how well, and how well it had to be."""

    family: str
    estimand: str
    route: str
    agreement: float
    allowed: float
    bound: float

    @property
    def holds(self) -> bool:
        """Within what is allowed."""
        return bool(self.agreement <= self.allowed)


def routes(seed: int = 0) -> Iterator[Agreement]:
    """All lines, family by family."""
    for name in FAMILIES:
        family = small(name, seed)
        at = family.solve()
        yield from _derivatives(family, at)
        yield from _removals(family, at)
        yield _fifty_digits(name)
    yield from _values()
    yield from _more_estimands()
    yield from _trajectories()
    yield from _conditioning()


def _off(a: Array, b: Array) -> float:
    scale = float(np.abs(b).max())
    return float(np.abs(a - b).max()) / scale if scale > 0 else float(np.abs(a).max())


def _kinds(family: Family) -> dict[str, list[Perturbation]]:
    """A few perturbations of each kind."""
    out = {
        "task": [task(0), task(3)],
        "query": [query(1, 0), query(2, 1)],
        "query input": [shift("query", 0, 1, 0)],
        "group": [group([task(1), query(0, 0)])],
    }
    if not family.name.startswith("single"):
        out["support"] = [support(0, 1), support(3, 2)]
        out["support input"] = [shift("support", 2, 0, 1)]
    return out


def _derivatives(family: Family, at: Solution) -> Iterator[Agreement]:
    bound = at.certificate.bound
    lam = at.lam + 0.1
    gradient, hessian = family.slope_and_curvature(lam)
    cs = "complex step"
    yield Agreement(
        family.name, "gradient", cs, _off(gradient, complex_step.gradient(family, lam)), 1e-12, 0
    )
    yield Agreement(
        family.name, "total Hessian", cs, _off(hessian, complex_step.hessian(family, lam)), 1e-12, 0
    )
    for kind, pis in _kinds(family).items():
        truth = family.influence(pis, at)
        second = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
        yield Agreement(family.name, f"influence, {kind}", cs, _off(truth, second), 1e-12, bound)
    pis = [ps[0] for ps in _kinds(family).values()]
    truth = family.influence(pis, at)
    second = np.stack([richardson.solution_derivative(family, p, at)[0] for p in pis])
    yield Agreement(
        family.name, "influence, all kinds", "Richardson", _off(truth, second), 1e-9, bound
    )


def _removals(family: Family, at: Solution) -> Iterator[Agreement]:
    p = query(1, 0)
    solved = removal.exact(family, p, at)
    if family.quadratic:
        off = _off(removal.newton(family, p, at), solved)
        yield Agreement(family.name, "removal", "Newton downdate", off, 1e-12, at.certificate.bound)
    else:
        start = at.lam + 0.01 * np.random.default_rng(0).standard_normal(len(at.lam))
        again = family.solve(at.weights.without(p), start=start).lam
        off = _off(richardson.aligned(family, again, solved), solved)
        yield Agreement(family.name, "removal", "another start", off, 1e-11, at.certificate.bound)
    parts = representer.task_components(family, at).sum(axis=0)
    yield Agreement(
        family.name,
        "representer sum",
        "stationarity",
        _off(parts, at.lam),
        1e-11,
        at.certificate.bound,
    )


def _fifty_digits(name: str) -> Agreement:
    try:
        from metainfl_reference.second_route import highprec
    except ModuleNotFoundError:
        return Agreement(name, "influence", "mpmath is not installed", 0.0, 1e-12, 0.0)
    family = tiny(name)
    at = family.solve()
    pis = [task(0), query(1, 0)] + ([] if name.startswith("single") else [support(0, 1)])
    second = np.stack([highprec.solution_derivative(family, p, at) for p in pis])
    off = _off(family.influence(pis, at), second)
    return Agreement(name, "influence", "mpmath, 50 digits", off, 1e-12, at.certificate.bound)


def _values() -> Iterator[Agreement]:
    family = small("proximal_ridge", 1)
    at = family.solve()
    v = values.game(family, targets(small("proximal_ridge", 9).episodes)[0], at)
    phi, name = values.shapley(v), family.name
    yield Agreement(
        name,
        "Shapley",
        "all orders",
        _off(values.by_permutations(v), phi),
        1e-12,
        at.certificate.bound,
    )
    yield Agreement(
        name, "Shapley", "efficiency", abs(phi.sum() - v[-1] + v[0]), 1e-12, at.certificate.bound
    )
    beta = values.beta_shapley(v, 1, 1)
    yield Agreement(
        name, "Beta(1, 1)-Shapley", "Shapley", _off(beta, phi), 1e-12, at.certificate.bound
    )
    mean = np.mean([subsampling.expected_removal(v, m) for m in range(5)], axis=0)
    yield Agreement(
        name,
        "expected removal",
        "Shapley, mean over m",
        _off(mean, phi),
        1e-12,
        at.certificate.bound,
    )
    match = np.array([1.0, 0, 1, 1, 0, 0, 1])
    off = max(
        _off(knn_shapley.closed_form(match, k), values.shapley(knn_shapley.game(match, k)))
        for k in (1, 3, 5)
    )
    yield Agreement("k-NN", "k-NN Shapley", "enumeration", off, 1e-12, 0)


def _more_estimands() -> Iterator[Agreement]:
    """Banzhaf, expectations over subsets, second-order removal, Cook's distance and FI."""
    family = small("proximal_ridge", 1)
    at = family.solve()
    v, n = values.game(family, targets(small("proximal_ridge", 9).episodes)[0], at), 5
    index, bound = np.arange(2**n), at.certificate.bound
    has = [(index >> i) & 1 == 1 for i in range(n)]
    means = np.array([v[h].mean() - v[~h].mean() for h in has])
    yield Agreement(
        family.name,
        "Banzhaf",
        "mean with minus without",
        _off(values.banzhaf(v), means),
        1e-12,
        bound,
    )
    drawn = [sum(1 << i for i in c) for c in combinations(range(n), 3)]
    inside = [[s for s in drawn if s >> i & 1] for i in range(n)]
    outside = [[s for s in drawn if not s >> i & 1] for i in range(n)]
    means = np.array([v[a].mean() - v[b].mean() for a, b in zip(inside, outside, strict=True)])
    off = _off(subsampling.downsampling(v, 3), means)
    yield Agreement(family.name, "Downsampling", "listed subsets", off, 1e-12, bound)
    profile = np.array([subsampling.consistency_profile(v, 3), subsampling.c_score(v)])
    listed = [
        np.mean([v[sum(1 << i for i in c)] for c in combinations(range(n), m)]) for m in range(1, 6)
    ]
    second = np.array([listed[2], np.mean(listed)])
    yield Agreement(
        family.name, "consistency, C-score", "listed subsets", _off(profile, second), 1e-12, bound
    )
    for name in ("proximal_softmax", "linear_representation"):
        yield _second_order(name)
    yield _cook()
    yield _input_shift()


def _second_order(name: str) -> Agreement:
    """lam'' by a Neville table of second differences of re-solved problems."""
    family = small(name, 1)
    at = family.solve()
    p = task(1)
    slope = family.influence([p], at)[0]
    bend = 2 * (removal.second_order(family, p, at) - at.lam + slope)
    rows: list[list[Array]] = []
    for level in range(5):
        h = 0.04 / 2**level
        ends = [family.solve(at.weights.moved(p, s), start=at.lam).lam for s in (h, -h)]
        ahead, behind = (richardson.aligned(family, x, at.lam) for x in ends)
        row = [(ahead - 2 * at.lam + behind) / h**2]
        for m in range(level):
            row.append(row[m] + (row[m] - rows[-1][m]) / (4 ** (m + 1) - 1))
        rows.append(row)
    best = min((row[m] for row in rows for m in range(len(row))), key=lambda x: _off(x, bend))
    # A second difference of solutions good to 1e-15 with steps of 0.01 resolves about 1e-10.
    return Agreement(
        name,
        "second-order removal",
        "second differences",
        _off(bend, best),
        1e-7,
        at.certificate.bound,
    )


def _cook() -> Agreement:
    family = SingleRidge(regression(3, tasks=6, query=1, support=1, c=1), d_out=1e-9)
    at = family.solve()
    x = family.episodes.query_x[:, 0]
    hat = x @ np.linalg.solve(x.T @ x + 1e-9 * np.eye(3), x.T)
    r = family.episodes.query_y[:, 0, 0] - x @ at.lam
    leverage = np.diag(hat)
    want = r**2 * np.diag(hat @ hat) / (3 * (r @ r / 3) * (1 - leverage) ** 2)
    got = np.array([cook.classical(family, task(k), at) for k in range(6)])
    return Agreement(
        family.name, "Cook's distance", "hat matrix", _off(got, want), 1e-9, at.certificate.bound
    )


def _input_shift() -> Agreement:
    family = SingleSoftmax(classification(1), d_out=0.5)
    at = family.solve()
    pis = [shift("query", 0, 1, a) for a in range(3)]
    moves = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    x, y = np.ones(3), np.eye(3)[1]
    one, two = (
        input_shift.influence_measure(family, at, 0, 1, x, y, moves=m).value for m in (None, moves)
    )
    return Agreement(
        family.name,
        "FI of an input shift",
        "complex step",
        abs(one / two - 1),
        1e-9,
        at.certificate.bound,
    )


def _trajectories() -> Iterator[Agreement]:
    family = small("maml_softmax", 1)
    target = targets(family.episodes)[2]
    path = trajectory.descend(
        family, np.full(family.n_meta, 0.1), [[i % 5] for i in range(20)], 0.02
    )
    drop = family.target_loss(target, path.lam[0]) - family.target_loss(target, path.lam[-1])
    total = trajectory.ideal_tracin(family, path, target).sum()
    yield Agreement(family.name, "ideal TracIn", "telescoping sum", abs(total - drop), 1e-12, 0)
    h = 1e-30
    z = path.lam[0].astype(complex)
    for batch in path.batches:
        moved = path.weights.moved(task(1), 1j * h)
        step = family.d_out * z
        for i in batch:
            step = step + 5 * moved.task[i] * family.task(i, z, path.weights).gradient()
        z = z - path.rate * step
    off = _off(trajectory.unrolled(family, path, 1), z.imag / h)
    yield Agreement(family.name, "unrolled leave-one-out", "complex step", off, 1e-12, 0)


def _conditioning() -> Iterator[Agreement]:
    eps = float(np.finfo(float).eps)
    for inner, total in ((1e2, 1e2), (1e8, 1e2), (1e2, 1e8), (1e8, 1e8)):
        family = conditioned(0, inner=inner, total=total)
        at = family.solve()
        pis = [task(0), support(1, 2), query(2, 1)]
        second = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
        what = f"influence, cond {inner:.0e} / {total:.0e}"
        allowed = 64 * eps * (inner + total)
        off = _off(family.influence(pis, at), second)
        yield Agreement(family.name, what, "complex step", off, allowed, at.certificate.bound)
