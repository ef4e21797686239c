"""Instance-IF against solving again without a support or query instance, or with an input moved.

The remainder is bounded as for a task (`test_task_if`); an input's is that of the problem with the input
moved by SHIFT.
"""

from hypothesis import given
from hypothesis import strategies as st

from metainfl.methods import classical_if, instance_if_query, instance_if_support
from properties.draw import KINDS, SINGLE, fixed, questions
from properties.hold import holds, says_something

INSTANCES = [k for k in KINDS if k not in ("task", "group")]


def exact(q, named=False):
    """The edit, or the method of the literature for this kind."""
    if not named:
        return q.held(q.edit(), definition=q.solved())
    method = {"support": instance_if_support, "query": instance_if_query}.get(q.p.kind)
    if method is None:
        return None
    if q.case.family.name in SINGLE:
        method = classical_if
    return q.held(q.by(method), definition=q.solved())


@given(q=questions(kinds=INSTANCES), named=st.booleans())
def test_instance_if_is_off_by_its_remainder(q, named):
    """Guards signs, weights and factors of each kind's right-hand side."""
    holds(exact, q, named=named and not q.shifted)


def test_the_remainder_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(exact, fixed(kinds=INSTANCES), [{}])
