"""Removal of one weight or a group: exact, first order, second order and one Newton step.

With lam(s) the minimiser along weights that go from what they are (s = 0) to zero (s = 1), all
members of p at once:
    first order    lam* + lam'                     lam' = -sum_m w_m d lam*/d w_m
    second order   lam* + lam' + lam''/2,          H lam'' = -d2/ds2 [grad F](lam* + s lam', s)
    Newton         lam* - H_-^{-1} grad F_-(lam*)  with F_- the removed objective
The Newton step is exact where F is quadratic. For task removal it is lam* + (H - H_k)^{-1} g_k. `score` of
`exact` is leave-one-out (003, eq. 8).
Each returns an `Answer`: the point (p,), and a bound on its distance from the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metainfl_reference.answer import Answer, measured, target_loss
from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, parts
from metainfl_reference.solution import Solution
from metainfl_reference.wide import imag

Array = np.ndarray
H = 1e-30


def exact(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam* without p (p,), by solving again and certifying."""
    solution = family.remove(p, at)
    return Answer(solution.lam, lambda: np.asarray(solution.certificate.bound))


def exact_many(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
    """lam* without each p alone (n, p): by downdates where F is quadratic, else solved one by one."""
    each = newton if family.quadratic else exact
    answers = [each(family, p, at) for p in perturbations]
    return Answer(
        np.stack([a.value for a in answers]), lambda: np.array([float(a.bound) for a in answers])
    )


def first_order(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam* minus the members' influences, each times its weight (p,)."""
    return _point(family, at, lambda f, s: s.lam + _slope(f, p, s))


def second_order(family: Family, p: Perturbation, at: Solution) -> Answer:
    """The second-order Taylor estimate (p,)."""

    def point(f: Family, s: Solution) -> Array:
        slope = _slope(f, p, s)
        return s.lam + slope + 0.5 * _bend(f, p, s, slope)

    return _point(family, at, point)


def newton(family: Family, p: Perturbation, at: Solution) -> Answer:
    """One Newton step on the removed objective from lam* (p,).

    H is downdated: only the tasks that p touches are differentiated again. The result is positive
    definite exactly when the removed problem is strictly convex; otherwise this raises.
    """
    return _point(family, at, lambda f, s: s.lam + _newton_step(f, p, s))


def _point(family: Family, at: Solution, point: Callable[[Family, Solution], Array]) -> Answer:
    """A point (p,) with one bound in 2-norm."""
    return measured(family, at, lambda f, s: point(f, s)[None], rows=True)[0]


def _slope(family: Family, p: Perturbation, at: Solution) -> Array:
    """lam' = -sum_m w_m d lam*/d w_m."""
    cross = family.cross_derivatives(parts(p), at.lam, at.weights)
    return family.apply_inverse(at, cross @ np.array([weight(at, m) for m in parts(p)]))


def _bend(family: Family, p: Perturbation, at: Solution, slope: Array) -> Array:
    """lam'': d2/ds2 by one complex step of exact first derivatives."""
    lam, weights = at.lam + 1j * H * slope, at.weights
    for m in parts(p):
        weights = weights.moved(m, -weight(at, m) * 1j * H)
    rate = family.total_hessian(lam, weights) @ slope
    for m in parts(p):
        rate = rate - weight(at, m) * family.cross_derivative(m, lam, weights)
    return -family.apply_inverse(at, imag(rate) / H)


def _newton_step(family: Family, p: Perturbation, at: Solution) -> Array:
    """The step; the gradient of the full problem is taken to be zero."""
    after = at.weights.without(p)
    gradient, hessian = np.zeros_like(at.lam), at.hessian.copy()
    for k in sorted({m.task for m in parts(p)}):
        before_task, after_task = at.weights.task[k], after.task[k]
        old = family.task(k, at.lam, at.weights)
        gradient -= before_task * old.gradient()
        hessian -= before_task * old.hessian()
        if after_task:
            new = family.task(k, at.lam, after)
            gradient += after_task * new.gradient()
            hessian += after_task * new.hessian()
    try:
        return -family.apply_inverse(replace(at, hessian=hessian), gradient)
    except NotCertified:
        raise NotCertified(
            f"{family.name}: the Hessian without {p} is not positive definite"
        ) from None


def score(family: Family, target: TaskData, at: Solution, removed: Answer) -> Answer:
    """Loss of the target after removal minus before: positive = the data helped."""
    here = Answer(at.lam, lambda: np.asarray(at.certificate.bound))
    before = target_loss(family, target, here)
    after = target_loss(family, target, removed)
    return Answer(after.value - before.value, lambda: after.bound + before.bound)


def weight(at: Solution, m: Perturbation) -> Any:
    """What the weight that m names is now, in the solution's own format."""
    if m.kind == "task":
        return at.weights.task[m.task]
    return getattr(at.weights, m.kind)[m.task, m.instance]
