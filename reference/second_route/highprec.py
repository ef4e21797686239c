"""The definitions once more, in mpmath at 80 digits: nothing shared with the float64 code.

`objective` is F written from its definition, one line a family for adaptation and loss. grad F is a
central difference of it (step 1e-20, so an error of 1e-40), and d lam*/d weight a central difference
of re-solved minimisers. The float64 Hessian serves as a preconditioner only: each chord step gains
about twelve digits, and the fixed point depends on `objective` alone.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from metainfl_reference.episodes import Weights
from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, parts
from metainfl_reference.solution import Solution

Array = np.ndarray
DIGITS = 80  # F to 80, gradients to 60, and 40 left where the condition number is 1e16


def solution_derivative(family: Family, p: Perturbation, at: Solution) -> Array:
    """d lam*/d weight (p,), rounded from 80 digits to float64."""
    with mp.workdps(DIGITS):
        h = mp.mpf(10) ** -12
        ahead, behind = (_solve(family, at, moved(at.weights, p, s)) for s in (h, -h))
        return np.array([float((a - b) / (2 * h)) for a, b in zip(ahead, behind, strict=True)])


def minimiser(family: Family, at: Solution, *, rounded: bool = True) -> Array:
    """lam* (p,) at 80 digits; rounded to float64 unless asked for as mpf numbers."""
    with mp.workdps(DIGITS):
        lam = _solve(family, at, moved(at.weights, None, mp.mpf(0)))
        return np.array([float(x) for x in lam]) if rounded else np.array(lam, dtype=object)


def target_loss(family: Family, target: TaskData, lam: Array) -> float:
    """L_t at a lam of mpf numbers or floats, rounded from 80 digits."""
    with mp.workdps(DIGITS):
        mpf = [mp.mpf(x) for x in lam]
        support = (target.support_x, target.support_y, [mp.mpf(x) for x in target.u])
        theta = adapt(family, mpf, support)
        pairs = zip(target.v, target.query_x, target.query_y, strict=True)
        return float(task_loss(family, mpf, theta, pairs))


def regulariser(family: Family, lam: list[Any]) -> Any:
    """sum_a d_out_a lam_a^2 / 2."""
    own = np.broadcast_to(np.asarray(family.d_out, dtype=float), (len(lam),))
    return mp.fsum(mp.mpf(float(d)) * x * x for d, x in zip(own, lam, strict=True)) / 2


def objective(family: Family, lam: list[Any], weights: dict[str, Any]) -> Any:
    """F at 80 digits."""
    e = family.episodes
    total = regulariser(family, lam)
    for k in range(e.n_tasks):
        theta = adapt(family, lam, (e.support_x[k], e.support_y[k], weights["support"][k]))
        pairs = zip(weights["query"][k], e.query_x[k], e.query_y[k], strict=True)
        total += weights["task"][k] * task_loss(family, lam, theta, pairs)
    return total


def task_loss(family: Family, lam: list[Any], theta: list[Any], pairs: Any) -> Any:
    """L_O of one task from its query weights, inputs and targets."""
    loss = mp.fsum(
        v * _loss(family, _outputs(family, lam, theta, x, len(y)), y) for v, x, y in pairs
    )
    if family.direct:
        gap = mp.fsum((a - b) ** 2 for a, b in zip(theta, lam, strict=True))
        loss += mp.mpf(family.direct) / 2 * gap
    return loss


def _outputs(family: Family, lam: list[Any], theta: list[Any], x: Array, c: int) -> list[Any]:
    """The adapted learner's c outputs on one input."""
    if family.name == "prototypes":
        e = _embed(family, lam, x)
        centres = [theta[k * len(e) : (k + 1) * len(e)] for k in range(c)]
        return [-mp.fsum((a - b) ** 2 for a, b in zip(e, m, strict=True)) for m in centres]
    features = _embed(family, lam, x) if family.name == "linear_representation" else x
    return [mp.fsum(mp.mpf(f) * theta[a * c + b] for a, f in enumerate(features)) for b in range(c)]


def adapt(family: Family, lam: list[Any], support: tuple[Any, ...]) -> list[Any]:
    """theta(lam) as a flat list."""
    xs, ys, u = support
    if family.name.startswith("single"):
        return lam
    if family.name == "prototypes":
        rows = [_embed(family, lam, x) for x in xs]
        out = []
        for k in range(ys.shape[1]):
            mass = mp.fsum(uj * mp.mpf(y[k]) for uj, y in zip(u, ys, strict=True))
            for a in range(len(rows[0])):
                terms = (uj * mp.mpf(y[k]) * r[a] for uj, y, r in zip(u, ys, rows, strict=True))
                out.append(mp.fsum(terms) / mass)
        return out
    if family.name == "linear_representation":
        rows = [_embed(family, lam, x) for x in xs]
        return _ridge(rows, ys, u, mp.mpf(family.d_in), None)
    if family.name == "proximal_ridge":
        return _ridge(xs, ys, u, mp.mpf(family.d_in), lam)
    if family.name == "proximal_softmax":
        return _newton(family, lam, support)
    theta = list(lam)
    for _ in range(family.steps):  # type: ignore[attr-defined]
        g = _inner_gradient(family, theta, lam, support)
        theta = [t - mp.mpf(a) * s for t, a, s in zip(theta, family.alpha, g, strict=True)]  # type: ignore[attr-defined]
    return theta


def _ridge(rows: Any, ys: Array, u: Any, reg: Any, pull: list[Any] | None) -> list[Any]:
    """(X'UX + reg I)^{-1} (X'UY + reg pull) by LU."""
    d, c = len(rows[0]), ys.shape[1]
    a = mp.matrix(d, d)
    b = mp.matrix(d, c)
    for i in range(d):
        a[i, i] += reg
        for j in range(c):
            b[i, j] += reg * pull[i * c + j] if pull is not None else 0
        for uj, x, y in zip(u, rows, ys, strict=True):
            for j in range(d):
                a[i, j] += uj * mp.mpf(x[i]) * mp.mpf(x[j])
            for j in range(c):
                b[i, j] += uj * mp.mpf(x[i]) * mp.mpf(y[j])
    columns = [mp.lu_solve(a, b[:, j]) for j in range(c)]
    return [columns[j][i] for i in range(d) for j in range(c)]


def _newton(family: Family, lam: list[Any], support: tuple[Any, ...]) -> list[Any]:
    """argmin of the inner loss: chord steps with a differenced Hessian until 40 digits stand."""
    theta, n, h = list(lam), len(lam), mp.mpf(10) ** -15
    for _ in range(60):
        g = _inner_gradient(family, theta, lam, support)
        curve = mp.matrix(n, n)
        for j in range(n):
            moved = [t + (h if i == j else 0) for i, t in enumerate(theta)]
            for i, s in enumerate(_inner_gradient(family, moved, lam, support)):
                curve[i, j] = (s - g[i]) / h
        for _ in range(4):
            step = mp.lu_solve(curve, mp.matrix(g))
            theta = [t - s for t, s in zip(theta, step, strict=True)]
            if mp.norm(step) < mp.mpf(10) ** -40:
                return theta
            g = _inner_gradient(family, theta, lam, support)
    raise NotCertified("the inner problem did not converge at 80 digits")


def _inner_gradient(
    family: Family, theta: list[Any], lam: list[Any], support: tuple[Any, ...]
) -> list[Any]:
    """Derivative of sum u l + d_in/2 |theta - lam|^2 for a linear model."""
    xs, ys, u = support
    c = ys.shape[1]
    out = [mp.mpf(family.d_in) * (t - s) for t, s in zip(theta, lam, strict=True)]
    for uj, x, y in zip(u, xs, ys, strict=True):
        z = [mp.fsum(mp.mpf(f) * theta[a * c + b] for a, f in enumerate(x)) for b in range(c)]
        if "softmax" in family.name:
            total = mp.fsum(mp.exp(s) for s in z)
            mass = mp.fsum(mp.mpf(s) for s in y)
            r = [mass * mp.exp(s) / total - mp.mpf(t) for s, t in zip(z, y, strict=True)]
        else:
            r = [s - mp.mpf(t) for s, t in zip(z, y, strict=True)]
        for a, f in enumerate(x):
            for b in range(c):
                out[a * c + b] += uj * mp.mpf(f) * r[b]
    return out


def _loss(family: Family, z: list[Any], y: Array) -> Any:
    """l(z, y)."""
    if "softmax" in family.name or family.name == "prototypes":
        total = mp.log(mp.fsum(mp.exp(s) for s in z))
        return mp.fsum(mp.mpf(t) * (total - s) for s, t in zip(z, y, strict=True))
    return mp.fsum((s - mp.mpf(t)) ** 2 for s, t in zip(z, y, strict=True)) / 2


def _embed(family: Family, lam: list[Any], x: Array) -> list[Any]:
    """Lam x."""
    d = len(x)
    rank = len(lam) // d
    return [mp.fsum(lam[a * d + e] * mp.mpf(x[e]) for e in range(d)) for a in range(rank)]


def moved(w: Weights, p: Perturbation | None, step: Any) -> dict[str, Any]:
    """Weights as nested lists of mpf, after `step` along p."""
    out: dict[str, Any] = {
        "task": [mp.mpf(x) for x in w.task],
        "support": [[mp.mpf(x) for x in row] for row in w.support],
        "query": [[mp.mpf(x) for x in row] for row in w.query],
    }
    for m in parts(p) if p is not None else ():
        if m.kind == "task":
            out["task"][m.task] += step
        else:
            out[m.kind][m.task][m.instance] += step
    return out


def _solve(family: Family, at: Solution, weights: dict[str, Any]) -> list[Any]:
    """The minimiser near at.lam."""
    lam = [mp.mpf(x) for x in at.lam]
    h = mp.mpf(10) ** -20
    for _ in range(24):
        g = []
        for i in range(len(lam)):
            ahead, behind = (
                objective(family, [x + (s if j == i else 0) for j, x in enumerate(lam)], weights)
                for s in (h, -h)
            )
            g.append((ahead - behind) / (2 * h))
        size = max(abs(x) for x in g)
        scaled = np.array([float(x / size) if size else 0.0 for x in g])
        step = [size * mp.mpf(x) for x in family.apply_inverse(at, scaled)]
        lam = [x - s for x, s in zip(lam, step, strict=True)]
        size = max(mp.mpf(10) ** -20, *(abs(x) for x in lam))  # lam* can be zero
        if max(abs(s) for s in step) <= mp.mpf(10) ** -30 * size:
            return lam
    raise NotCertified(f"{family.name}: no convergence at {DIGITS} digits")
