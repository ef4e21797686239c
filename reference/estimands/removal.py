"""Removal of one weight or a group: exact, first order, second order and one Newton step.

With lam(s) the minimiser along weights + s p, the full problem at s = 0 and removal at s = -1
(weights start at 1):
    first order    lam* - lam'
    second order   lam* - lam' + lam''/2,    H lam'' = -d2/ds2 [grad F](lam* + s lam', pi + s p)
    Newton         lam* - H_-^{-1} grad F_-(lam*)     with F_- the removed objective
The Newton step is exact where F is quadratic. For task removal it is lam* + (H - H_k)^{-1} g_k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from metainfl_reference.certificate import spectrum
from metainfl_reference.errors import NotCertified
from metainfl_reference.family import Family, Solution
from metainfl_reference.perturbation import Perturbation, parts

Array = np.ndarray
H = 1e-30


def exact(family: Family, p: Perturbation, at: Solution) -> Array:
    """lam* without p (p,), by solving again and certifying."""
    return family.remove(p, at).lam


def exact_many(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Array:
    """lam* without each p alone (n, p): by downdates where F is quadratic, else solved one by one."""
    each = newton if family.quadratic else exact
    return np.stack([each(family, p, at) for p in perturbations])


def first_order(family: Family, p: Perturbation, at: Solution) -> Array:
    """lam* - sum of the members' influences, each times its weight (p,)."""
    scale = [_weight(at, m) for m in parts(p)]
    return at.lam - np.asarray(scale) @ family.influence(parts(p), at)


def second_order(family: Family, p: Perturbation, at: Solution) -> Array:
    """The second-order Taylor estimate (p,); d2/ds2 by one complex step of exact first derivatives."""
    if any(_weight(at, m) != 1 for m in parts(p)):
        raise NotCertified("second-order removal is written for weights that start at 1")
    slope = family.influence([p], at)[0]
    lam, weights = at.lam + 1j * H * slope, at.weights.moved(p, 1j * H)
    rate = family.total_hessian(lam, weights) @ slope + family.cross_derivative(p, lam, weights)
    # d/ds of p's own cross derivative is inside: the weights move along p together with lam.
    bend = -family.apply_inverse(at, np.imag(rate) / H)
    return at.lam - slope + 0.5 * bend


def newton(family: Family, p: Perturbation, at: Solution) -> Array:
    """One Newton step on the removed objective from lam* (p,).

    H is downdated: only the tasks that p touches are differentiated again. The result is positive
    definite exactly when the removed problem is strictly convex; otherwise this raises.
    """
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
        return at.lam - vectors @ ((vectors.T @ gradient) / values)
    try:
        return at.lam - cho_solve(cho_factor(hessian), gradient)
    except LinAlgError:
        raise NotCertified(
            f"{family.name}: the Hessian without {p} is not positive definite"
        ) from None


def score(family: Family, target: object, lam: Array, removed: Array) -> float:
    """Loss of the target after removal minus before: positive = the data helped."""
    return float(
        family.target_loss(target, removed) - family.target_loss(target, lam)  # type: ignore[arg-type]
    )


def _weight(at: Solution, m: Perturbation) -> float:
    if m.kind == "task":
        return float(at.weights.task[m.task])
    return float(getattr(at.weights, m.kind)[m.task, m.instance])
