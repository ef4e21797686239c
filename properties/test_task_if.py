"""Task-IF against solving again without a task or a group: off by the first-order remainder alone.

The remainder is bounded by the gradient that the exact first-order move leaves of the removed objective,
over the smallest eigenvalue of its Hessian on the way (`bounds.remainder`); on quadratics that Hessian is
constant and the bound is the closed form in the norm of its inverse.
"""

import pytest
from hypothesis import given

from metainfl.methods import task_if, task_if_cg, tlxml
from properties.draw import fixed, questions
from properties.hold import holds, says_something

KINDS = ("task", "group")
METHODS = {"dense": task_if, "CG": task_if_cg, "TLXML": tlxml}


def exact(q, method=None):
    """The edit, or a method of the literature member by member."""
    move = q.edit() if method is None else q.by(METHODS[method])
    return q.held(move, definition=q.solved())


@pytest.mark.parametrize("method", [None, *METHODS])
@given(q=questions(kinds=KINDS))
def test_task_if_is_off_by_its_remainder(method, q):
    """Guards signs, weights and terms of the right-hand side and of H."""
    holds(exact, q, method=method)


def test_the_remainder_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(exact, fixed(kinds=KINDS), [{"method": m} for m in (None, *METHODS)])
