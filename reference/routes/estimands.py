"""Second-order removal, representer, Cook's distance, FI and Direct-IF, twice each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metainfl_reference.estimands import cook, direct, influence_measure, removal, representer
from metainfl_reference.families import SingleRidge, SingleSoftmax
from metainfl_reference.family import Family
from metainfl_reference.generators import classification, regression, small
from metainfl_reference.perturbation import shift, task
from metainfl_reference.routes.agreement import Agreement, compare
from metainfl_reference.second_route import complex_step, richardson
from metainfl_reference.solution import Solution

Array = np.ndarray
H = 1e-30


def second_order(name: str) -> Agreement:
    """lam'' by a Neville table of second differences of re-solved problems."""
    family = small(name, 1)
    at, p = family.solve(), task(1)
    rows: list[list[Array]] = []
    for level in range(5):
        h = 0.04 / 2**level
        ends = [family.solve(at.weights.moved(p, s), start=at.lam).lam for s in (h, -h)]
        ahead, behind = (richardson.aligned(family, x, at.lam) for x in ends)
        row = [(ahead - 2 * at.lam + behind) / h**2]
        for m in range(level):
            row.append(row[m] + (row[m] - rows[-1][m]) / (4 ** (m + 1) - 1))
        rows.append(row)
    answer = removal.second_order(family, p, at)
    first = removal.first_order(family, p, at).value
    ends = [first + 0.5 * row[m] for row in rows for m in range(len(row))]
    best = min(ends, key=lambda x: float(np.abs(x - answer.value).max()))
    # A second difference of solutions good to 1e-15 with steps of 0.01 resolves about 1e-10.
    return compare(name, "second-order removal", "second differences", answer, best, 1e-7)


def representers(family: Family, at: Solution) -> Iterator[Agreement]:
    """Task components from the objective alone; instance components by what they add up to."""
    answer, weights = representer.task_components(family, at), at.weights
    ones = complex_step.gradient(family, at.lam, weights)
    rows = []
    for k in range(family.episodes.n_tasks):
        without = complex_step.gradient(family, at.lam, weights.without(task(k)))
        rows.append(-(ones - without) / family.d_out)
    yield compare(family.name, "representer", "complex step", answer, np.stack(rows), 1e-12)
    if isinstance(family, SingleSoftmax):
        x = np.array([0.5, -1.0, 2.0])
        pieces = representer.prediction_parts(family, at, x).value.sum(axis=(0, 1))
        alpha = representer.values(family, at)
        outer = np.einsum("tqd,tqc->dc", family.episodes.query_x, alpha.value).reshape(-1)
        whole = np.concatenate([outer, pieces])
        want = np.concatenate([at.lam, x @ at.lam.reshape(3, -1)])
        name = "representer of instances"
        off = float(np.abs(whole - want).max() / np.abs(want).max())
        bound = float(np.max(alpha.bound) / np.abs(alpha.value).max())
        yield Agreement(family.name, name, "stationarity", off, 1e-11, bound)


def cooks_distance() -> Agreement:
    """Classical distances by the hat matrix."""
    family = SingleRidge(regression(3, tasks=6, query=1, support=1, c=1), d_out=1e-9)
    at = family.solve()
    x = family.episodes.query_x[:, 0]
    hat = x @ np.linalg.solve(x.T @ x + 1e-9 * np.eye(3), x.T)
    r = family.episodes.query_y[:, 0, 0] - x @ at.lam
    leverage = np.diag(hat)[0]
    want = r[0] ** 2 * (hat @ hat)[0, 0] / (3 * (r @ r / 3) * (1 - leverage) ** 2)
    answer = cook.classical(family, task(0), at)
    return compare(family.name, "Cook's distance", "hat matrix", answer, want, 1e-9)


def fi_measure() -> Agreement:
    """FI with d theta/d omega by complex step."""
    family = SingleSoftmax(classification(1), d_out=0.5)
    at = family.solve()
    pis = [shift("query", 0, 1, a) for a in range(3)]
    moves = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    x, y = np.ones(3), np.eye(3)[1]
    one, two = (
        influence_measure.influence_measure(family, at, 0, 1, x, y, moves=m).value
        for m in (None, moves)
    )
    return compare(family.name, "FI of an input shift", "complex step", one, two.value, 1e-9)


def direct_influence() -> Agreement:
    """Direct-IF of proximal ridge: with e the direct weight, -e (lam - theta_k) / (T e + d_out)."""
    family = small("proximal_ridge", 1, direct=0.3)
    at, e = family.solve(), 0.3
    gaps = [e * (at.lam - family.task_parameters(k, at.lam)) for k in range(5)]
    want = -np.stack(gaps) / (5 * e + family.d_out)
    answer = direct.influence(family, [task(k) for k in range(5)], at)
    return compare(family.name, "Direct-IF", "by hand", answer, want, 1e-12)
