"""The objective that a run descends on average over batches, at one of its states.

    J(lam) = share sum_i w_i L_i(lam) + (outer_reg + decay)/2 |lam|^2,      share = c |B|/T
decay is what the optimiser's weight decay comes to (see `steps`): one number a parameter for AdamW. It is a
`Problem` times a number: share [sum_i w_i L_i + (reg/share)/2 |lam|^2].
"""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.methods.run.reading import Reading
from metainfl.methods.run.steps import decay


def objective(reading: Reading, t: int, lam: Tensor, share: float) -> Problem:
    """J/share at lam, the state before step t (the end: t = run.done)."""
    problem = reading.at(lam)
    reg = (problem.outer_reg + decay(reading.run, t)) / share
    return problem.replaced(outer_reg=reg, lam=lam)


def mean_share(reading: Reading, first: int, last: int) -> float:
    """The mean share of the steps from `first` to before `last`."""
    return sum(reading.share(t) for t in range(first, last)) / (last - first)
