"""Removal of one weight or a group: exact, first order, second order and one Newton step.

With lam(s) the minimiser along weights that go from what they are (s = 0) to zero (s = 1), all
members of p at once:
    first order    lam* + lam'                     lam' = -sum_m w_m d lam*/d w_m
    second order   lam* + lam' + lam''/2,          H lam'' = -d2/ds2 [grad F](lam* + s lam', s)
    Newton         lam* - H_-^{-1} grad F_-(lam*)  with F_- the removed objective
The Newton step is exact where F is quadratic. For task removal it is lam* + (H - H_k)^{-1} g_k.
Each returns an `Answer`: the point (p,), and a bound on its distance from the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from metainfl_reference.answer import Answer, carried, inner_condition, rounding, target_loss
from metainfl_reference.certificate import EPS, spectrum
from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family, Solution
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, parts

Array = np.ndarray
H = 1e-30


def exact(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam* without p (p,), by solving again and certifying."""
    solution = family.remove(p, at)
    return Answer(solution.lam, solution.certificate.bound)


def exact_many(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
    """lam* without each p alone (n, p): by downdates where F is quadratic, else solved one by one."""
    each = newton if family.quadratic else exact
    answers = [each(family, p, at) for p in perturbations]
    return Answer(
        np.stack([a.value for a in answers]), lambda: np.array([float(a.bound) for a in answers])
    )


def first_order(family: Family, p: Perturbation, at: Solution) -> Answer:
    """lam* minus the members' influences, each times its weight (p,)."""
    scale = np.array([weight(at, m) for m in parts(p)])
    slopes = family.influence(parts(p), at)
    return Answer(
        at.lam - scale @ slopes.value, lambda: at.certificate.bound + scale @ slopes.bound
    )


def second_order(family: Family, p: Perturbation, at: Solution) -> Answer:
    """The second-order Taylor estimate (p,)."""

    def bound() -> Array:
        own = carried(family, at, lambda s: np.concatenate(_taylor(family, p, s))[None])[0]
        size = sum(float(np.linalg.norm(x)) for x in _taylor(family, p, at))
        # lam'' is a solve whose right-hand side holds another: the condition enters twice.
        noise = rounding(family, at) * (1 + at.certificate.condition) * size
        return np.asarray(at.certificate.bound + 2 * own + noise)

    slope, bend = _taylor(family, p, at)
    return Answer(at.lam + slope + 0.5 * bend, bound)


def _taylor(family: Family, p: Perturbation, at: Solution) -> tuple[Array, Array]:
    """lam' and lam'': d2/ds2 by one complex step of exact first derivatives."""
    members = [(m, weight(at, m)) for m in parts(p)]
    cross = family.cross_derivatives([m for m, _ in members], at.lam, at.weights)
    slope = family.apply_inverse(at, cross @ np.array([w for _, w in members]))
    lam, weights = at.lam + 1j * H * slope, at.weights
    for m, w in members:
        weights = weights.moved(m, -w * 1j * H)
    rate = family.total_hessian(lam, weights) @ slope
    rate = rate - sum(w * family.cross_derivative(m, lam, weights) for m, w in members)
    return slope, -family.apply_inverse(at, np.imag(rate) / H)


def newton(family: Family, p: Perturbation, at: Solution) -> Answer:
    """One Newton step on the removed objective from lam* (p,).

    H is downdated: only the tasks that p touches are differentiated again. The result is positive
    definite exactly when the removed problem is strictly convex; otherwise this raises.
    """
    step, after = _newton_step(family, p, at)

    def bound() -> Array:
        values = spectrum(after, family.tangent(at.lam), family.name)[0]
        noise = 8 * family.n_meta * EPS * inner_condition(family, at)
        size = float(np.linalg.norm(after, 2) * np.linalg.norm(step))
        hidden = at.certificate.residual + at.certificate.rounding + noise * size
        if not family.quadratic:  # there, a Newton step from any point ends at the minimiser
            hidden += values[0] * at.certificate.bound
            hidden += (
                values[0] * carried(family, at, lambda s: _newton_step(family, p, s)[0][None])[0]
            )
        return np.asarray(hidden / values[0])

    return Answer(at.lam + step, bound)


def _newton_step(family: Family, p: Perturbation, at: Solution) -> tuple[Array, Array]:
    """The step, and H without p; the gradient of the full problem is taken to be zero."""
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
    tangent = family.tangent(at.lam)
    if tangent.shape[1]:
        values, vectors = spectrum(hessian, tangent, family.name)
        return -(vectors @ ((vectors.T @ gradient) / values)), hessian
    try:
        return -cho_solve(cho_factor(hessian), gradient), hessian
    except LinAlgError:
        raise NotCertified(
            f"{family.name}: the Hessian without {p} is not positive definite"
        ) from None


def score(family: Family, target: TaskData, at: Solution, removed: Answer) -> Answer:
    """Loss of the target after removal minus before: positive = the data helped."""
    before = target_loss(family, target, Answer(at.lam, at.certificate.bound))
    after = target_loss(family, target, removed)
    return Answer(after.value - before.value, lambda: after.bound + before.bound)


def weight(at: Solution, m: Perturbation) -> float:
    """What the weight that m names is now."""
    if m.kind == "task":
        return float(at.weights.task[m.task])
    return float(getattr(at.weights, m.kind)[m.task, m.instance])
