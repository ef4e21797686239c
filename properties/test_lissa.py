"""LiSSA against solving again: the series' rate for its mean, and an interval for its noise.

Samples are independent and unbiased, so the expectation is the Neumann series of the same length; what
the mean of R repeats adds lies within t |std| / sqrt(R), t Student's quantile for all coordinates at once
at a risk of 1e-6. That rests on repeats being nearly normal, which no bound assures: draws are fixed in CI.
"""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import series
from metainfl.curvature import exact
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
    want = q.solved(lambda s: (1 - (1 - c * s) ** (depth + 1)) / s)
    own = series.neumann(q.low, q.high, c, depth, q.step)
    if batch == tasks:
        return q.held(q.edit(solver=LiSSA(repeats=1, **how)), own, definition=want)
    runs = [q.edit(solver=LiSSA(repeats=1, seed=s, **how)) for s in range(REPEATS)]
    spread = float(np.linalg.norm(np.std(runs, axis=0, ddof=1)))
    return q.held(
        np.mean(runs, axis=0),
        series.noise(spread, REPEATS, len(runs[0]), RISK),
        exact=want,
        remainder=q.first_order + own,
    )


@given(q=questions(), batch=st.integers(1, 6), depth=st.integers(1, 8))
def test_lissa_lies_within_rate_and_noise(q, batch, depth):
    """Guards samples that are biased: a batch not scaled up, a regulariser scaled with it."""
    holds(lissa, q, batch=batch, depth=depth)


@given(q=questions(kinds=["task"]))
def test_samples_average_to_h(q):
    """Guards a bias that an interval is too wide to see: the samples of one task each, all of them."""
    operator, tasks = exact(q.problem), q.case.family.episodes.n_tasks
    seen = {}
    for seed in range(64):
        sample = operator.sampled(1, torch.Generator().manual_seed(seed)).dense().numpy()
        seen.setdefault((sample.round(10) + 0.0).tobytes(), sample)
        if len(seen) == tasks:
            break
    assert len(seen) == tasks
    mean = sum(seen.values()) / tasks
    gap = np.linalg.norm(mean - q.case.solution.hessian, 2)
    assert gap <= q.rounding / q.numbers * q.high


def test_the_interval_says_something():
    """Guards an interval that holds because it is huge."""
    options = [{"batch": b, "depth": d} for b in (1, 2, 6) for d in (2, 8)]
    says_something(lissa, fixed(each=2), options)
