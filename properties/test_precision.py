"""float32 against solving again: eps times the condition of both systems that are solved.

No bound on rounding is both certain and within a hundred times the error: the certain one of
`bounds.precision` is thousands of times the error in the median of the fixed questions. So every draw is
held to the certain one, and the fixed questions, which are the same every time, to the likely one too.
"""

import numpy as np
import torch
from hypothesis import given

from metainfl.advice.bounds import precision
from properties.draw import fixed, questions
from properties.hold import holds, says_something

EPS32 = float(np.finfo(np.float32).eps)


def single(q, bound="certain"):
    """The edit in float32, lam* rounded to it."""
    c = q.case
    if c.condition * c.inner_condition > 1e4:
        return None  # rounding alone may take every digit
    chosen = {"certain": precision.certain, "likely": precision.likely}[bound]
    own = chosen(EPS32, c.condition, q.numbers, parameters=c.family.n_meta, inner=c.inner_condition)
    return q.held(q.edit(c.problem(torch.float32)), own)


@given(q=questions())
def test_float32_costs_eps_times_condition(q):
    """Guards a sum, a solve or a series that loses digits without need."""
    holds(single, q)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(single, fixed(), [{"bound": "likely"}])
