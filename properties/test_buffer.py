"""TLXML's buffer against solving again: another matrix, so |C - C'| |b| over both smallest eigenvalues.

Held where the Gauss-Newton matrix is H, so that the buffer alone is judged (`test_curvature` holds
Gauss-Newton elsewhere). The twin prunes task by task, as the stream is pruned: what an early cut drops
does not come back, so C' is not the leading part of the whole. Smallest eigenvalue of C': outer_reg.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import curvature
from metainfl.methods import tlxml_gauss_newton
from properties import twins
from properties.draw import fixed, questions
from properties.hold import holds, says_something
from properties.test_truncation import EQUAL

SAME = ("single_ridge", "single_softmax", "maml_linear", "proximal_ridge")
KINDS = ("task", "query", "group")


def buffered(q, size):
    """At most `size` columns kept, and equals of the last."""
    k = q.case.family.d_out
    other = _pruned(q, size) + k * np.eye(q.case.family.n_meta)
    gap = float(np.linalg.norm(other - q.hessian, 2))
    return q.held(
        q.by(lambda problem, pis: tlxml_gauss_newton(problem, pis, buffer=size)),
        curvature.curvature(gap, q.low, k, q.size),
        definition=np.linalg.solve(other, q.rhs),
        rounding=q.rounding * max(1.0, q.low / k) ** 2,
    )


def _pruned(q, size):
    kept = 0.0
    for w, local, _, _ in twins.tasks(q):
        values, vectors = np.linalg.eigh(kept + w * local.hessian())
        first = max(len(values) - size, 0)
        while first and values[first] - values[first - 1] <= EQUAL * values[-1]:
            first -= 1
        kept = vectors[:, first:] * values[first:] @ vectors[:, first:].T
    return kept


@given(q=questions(SAME, KINDS), size=st.integers(1, 6))
def test_a_buffer_costs_what_it_drops(q, size):
    """Guards the wrong columns kept, a regulariser left out, a task's weight squared."""
    holds(buffered, q, size=size)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(buffered, fixed(SAME, KINDS), [{"size": s} for s in (1, 2, 3)])
