"""Support instance-IF with the inner inverse held fixed, against solving again: |b - b'| over low.

b' is written out in numpy (`twins.frozen_rhs`): what freezing leaves out is the third derivative of the
inner loss, which vanishes under the squared loss but for what theta's own step carries.
"""

import numpy as np
from hypothesis import given, settings

from metainfl.advice.bounds import right_hand_side
from metainfl.methods import instance_if_frozen
from properties import twins
from properties.draw import fixed, questions
from properties.hold import holds, says_something

NAME = ["proximal_softmax"]


def frozen(q):
    """The move by `instance_if_frozen`."""
    rhs = twins.frozen_rhs(q).sum(axis=1)
    own = right_hand_side.right_hand_side(float(np.linalg.norm(rhs - q.rhs)), q.low)
    return q.held(q.by(instance_if_frozen), own, definition=np.linalg.solve(q.hessian, rhs))


@settings(max_examples=settings.default.max_examples // 3)  # the family that is slow to solve again
@given(q=questions(NAME, ["support"]))
def test_freezing_costs_what_the_right_hand_side_loses(q):
    """Guards a sign, a task's weight or the direct term left out of the frozen derivative."""
    holds(frozen, q)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(frozen, fixed(NAME, ["support"], each=8), [{}])
