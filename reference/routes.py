"""The certification table: every family and estimand by two routes, with their agreement.

Agreement is the largest difference over the largest entry (max norms over the whole array); bound is
the certificate of lam* where the estimand rests on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metainfl_reference.estimands import (
    knn_shapley,
    removal,
    representer,
    subsampling,
    trajectory,
    values,
)
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, Solution, targets
from metainfl_reference.generators import conditioned, small, tiny
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
