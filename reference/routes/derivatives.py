"""Gradient, Hessian, influence and removal of every family, by complex step, Richardson and mpmath."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metainfl_reference.answer import Answer, beside
from metainfl_reference.conditioned import conditioned, stretched
from metainfl_reference.estimands import removal
from metainfl_reference.family import Family
from metainfl_reference.generators import tiny
from metainfl_reference.perturbation import Perturbation, group, query, shift, support, task
from metainfl_reference.routes.agreement import Agreement, compare
from metainfl_reference.second_route import complex_step, highprec, richardson
from metainfl_reference.solution import Solution
from metainfl_reference.wide import EPS, lifted, lifted_family, widened

# The largest condition numbers (inner, total) at which each family's minimum can still be certified:
# beyond them the answer is refused, as its bound would be no bound.
STRETCHED: dict[str, tuple[tuple[float | None, float], ...]] = {
    "single_ridge": ((None, 1e4), (None, 1e8)),
    "single_softmax": ((None, 1e4), (None, 1e8)),
    "proximal_softmax": ((1e4, 1e4), (1e6, 1e2), (1e2, 1e6)),
    "linear_representation": ((None, 1e4), (None, 1e6)),
    "maml_linear": ((None, 1e4), (None, 1e8)),
    "maml_softmax": ((None, 1e4), (None, 1e6)),
    "prototypes": ((None, 1e4), (None, 1e6)),
}


def derivatives(family: Family, at: Solution) -> Iterator[Agreement]:
    """Gradient and Hessian at a point that is no minimum; influence of each kind at lam*."""
    lam, name, cs = at.lam + 0.1, family.name, "complex step"
    narrow, wide = (
        family.slope_and_curvature(lam),
        lifted_family(family).slope_and_curvature(widened(lam), lifted(at.weights)),
    )
    gradient, hessian = (Answer(a, beside(a, b)) for a, b in zip(narrow, wide, strict=True))
    yield compare(name, "gradient", cs, gradient, complex_step.gradient(family, lam), 1e-12)
    yield compare(name, "total Hessian", cs, hessian, complex_step.hessian(family, lam), 1e-12)
    kinds = _kinds(family)
    for kind, pis in kinds.items():
        second = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
        yield compare(name, f"influence, {kind}", cs, family.influence(pis, at), second, 1e-12)
    pis = [ps[0] for ps in kinds.values()]
    second = np.stack([richardson.solution_derivative(family, p, at)[0] for p in pis])
    answer = family.influence(pis, at)
    yield compare(name, "influence, all kinds", "Richardson", answer, second, 1e-9)


def removals(family: Family, at: Solution) -> Iterator[Agreement]:
    """Exact removal by another start; Newton's from nothing but gradients where it is exact."""
    p, name = query(1, 0), family.name
    solved, step = removal.exact(family, p, at), removal.newton(family, p, at)
    if family.quadratic:
        yield compare(name, "removal", "Newton downdate", solved, step.value, 1e-12)
        yield compare(name, "Newton removal", "solved again", step, solved.value, 1e-12)
    else:
        start = at.lam + 0.01 * np.random.default_rng(0).standard_normal(len(at.lam))
        again = family.solve(at.weights.without(p), start=start).lam
        again = richardson.aligned(family, again, solved.value)
        yield compare(name, "removal", "another start", solved, again, 1e-11)
        gradient = complex_step.gradient(family, at.lam, at.weights.without(p))
        hessian = complex_step.hessian(family, at.lam, at.weights.without(p))
        tangent = family.tangent(at.lam)
        second = at.lam - np.linalg.solve(_off(hessian, tangent), gradient)
        yield compare(name, "Newton removal", "complex step", step, second, 1e-11)
    first = removal.first_order(family, p, at)
    second = at.lam - complex_step.solution_derivative(family, p, at)
    yield compare(name, "first-order removal", "complex step", first, second, 1e-12)


def high_precision(name: str) -> Agreement:
    """Influence against mpmath on the smallest problem."""
    family = tiny(name)
    at = family.solve()
    pis = [task(0), query(1, 0)] + ([] if name.startswith("single") else [support(0, 1)])
    second = np.stack([highprec.solution_derivative(family, p, at) for p in pis])
    return compare(name, "influence", "mpmath", family.influence(pis, at), second, 1e-12)


def conditioning() -> Iterator[Agreement]:
    """Influence where H and the inner Hessians are ill-conditioned.

    Allowed is 64 eps (inner + total): a backward-stable solve with each, a few times over. One draw
    of each: not every draw of a non-convex family has a minimum so ill-conditioned.
    """
    for inner, total in ((1e2, 1e2), (1e8, 1e2), (1e2, 1e8), (1e8, 1e8)):
        yield _ill(conditioned(0, inner=inner, total=total), inner, total)
    for name, conditions in STRETCHED.items():
        for within, total in conditions:
            family = stretched(name, 0, total=total, inner=within)
            yield _ill(family, within or 1.0, total)


def _off(hessian: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    """H off the flat directions, the identity along them."""
    flat = tangent @ tangent.T
    off = np.eye(len(hessian)) - flat
    return off @ hessian @ off + flat


def _ill(family: Family, inner: float, total: float) -> Agreement:
    at = family.solve()
    pis = [task(0), query(2, 1)] + ([] if family.name.startswith("single") else [support(1, 2)])
    second = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    what = f"influence, cond {inner:.0e} / {total:.0e}"
    answer = family.influence(pis, at)
    return compare(family.name, what, "complex step", answer, second, 64 * EPS * (inner + total))


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
