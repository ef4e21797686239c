"""Newton and second-order edits against solving again: the gradient they leave, over the least curvature.

    |y - lam_-| <= |grad F_-(y)| / low        for either edit y, low on the way from y to lam_-
    Newton      <= K |lam_- - lam*|^2 / (2 low_-)   as well, K a Lipschitz constant; 0 on quadratics
Production's edit has to be the reference's too, to rounding; the second order to its central differences,
whose error is eps^(4/5) times what rounding costs otherwise.
"""

import numpy as np
from hypothesis import given

from metainfl.advice.bounds import remainder
from metainfl.influence import removal
from metainfl_reference.errors import NotCertified
from properties.draw import WEIGHTS, fixed, questions
from properties.hold import holds, says_something
from properties.question import EPS


def newton(q):
    """One Newton step on the removed objective."""
    found = _reference(q, "newton")
    if found is None:
        return None
    family, weights = q.after
    here = q.off.T @ family.total_hessian(q.case.solution.lam, weights) @ q.off
    low = float(np.linalg.eigvalsh(here)[0])
    if low < q.low / 100:
        return None  # rounding is counted in q.low
    after = q.remainder(found)
    moved = float(np.linalg.norm(q.moved))
    before = remainder.newton(q.way(np.zeros_like(found))[1], moved, low)
    move = _edit(q, removal.newton)
    rounding = q.rounding * max(1.0, q.low / low) ** 2
    return q.held(
        move, exact=found, definition=found, remainder=min(after, before), rounding=rounding
    )


def second_order(q):
    """lam' + lam''/2."""
    found = _reference(q, "second_order")
    if found is None:
        return None
    differences = q.rounding * EPS ** (4 / 5) / EPS
    return q.held(
        _edit(q, removal.second_order),
        exact=found,
        definition=found,
        remainder=q.remainder(found),
        rounding=differences,
    )


def _edit(q, edit):
    return (edit(q.problem, [q.p])[0] - q.problem.lam).numpy()


def _reference(q, estimand):
    try:
        return q.case.truth(estimand, [q.p])[0] - q.case.solution.lam
    except NotCertified:
        return None


@given(q=questions(kinds=WEIGHTS))
def test_a_newton_step_is_off_by_its_gradient(q):
    """Guards a Hessian not downdated, a weight taken twice, a step with the wrong sign."""
    holds(newton, q)


@given(q=questions(kinds=WEIGHTS))
def test_the_second_order_is_off_by_its_gradient(q):
    """Guards a bend with the wrong sign, factor or interaction."""
    holds(second_order, q)


def test_the_bounds_say_something():
    """Guards a bound that holds because it is huge."""
    says_something(newton, fixed(kinds=WEIGHTS, each=2), [{}])
    says_something(second_order, fixed(kinds=WEIGHTS, each=2), [{}])
