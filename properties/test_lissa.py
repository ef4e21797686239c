"""LiSSA against solving again: the series' rate for its mean, and an interval for its noise.

Samples are independent and unbiased, so the expectation is the Neumann series of the same length; what
the mean of R repeats adds lies within t |std| / sqrt(R), t Student's quantile for all coordinates at once
at a risk of 1e-6. That rests on repeats being nearly normal, which no bound assures: draws are fixed in CI.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import series
from metainfl.solve import LiSSA
from properties.draw import fixed, questions
from properties.hold import holds, says_something

REPEATS = 8
RISK = 1e-6


def lissa(q, batch, depth):
    """Mean of REPEATS independent runs with `batch` tasks a step; the scale keeps every sample stable."""
    tasks = q.case.family.episodes.n_tasks
    batch = min(batch, tasks)
    c = batch / (tasks * q.high * 2)
    if batch == tasks:
        c = 1 / q.high
    how = {"batch": batch, "depth": depth, "scale": c, "allow_unconverged": True}
    if batch == tasks:
        move = q.edit(solver=LiSSA(repeats=1, **how))
        want = q.solved(lambda s: (1 - (1 - c * s) ** (depth + 1)) / s)
        own = series.neumann(q.low, q.high, c, depth, q.step)
        return q.held(move, own, definition=want)
    runs = [q.edit(solver=LiSSA(repeats=1, seed=s, **how)) for s in range(REPEATS)]
    spread = float(np.linalg.norm(np.std(runs, axis=0, ddof=1)))
    noise = series.noise(spread, REPEATS, len(runs[0]), RISK)
    return q.held(np.mean(runs, axis=0), series.neumann(q.low, q.high, c, depth, q.step) + noise)


@given(q=questions(), batch=st.integers(1, 6), depth=st.integers(1, 8))
def test_lissa_lies_within_rate_and_noise(q, batch, depth):
    """Guards samples that are biased: a batch not scaled up, a regulariser scaled with it."""
    holds(lissa, q, batch=batch, depth=depth)


def test_the_interval_says_something():
    """Guards an interval that holds because it is huge."""
    options = [{"batch": b, "depth": d} for b in (1, 2, 6) for d in (2, 8)]
    says_something(lissa, fixed(each=2), options)
