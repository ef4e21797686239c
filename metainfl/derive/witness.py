"""Numbers that a problem's code gives, for what is found again on disk: see `metainfl.problem.digest`.

A digest tells code and data apart, but not all that code can read (an object among a module's globals, the
environment). What that changes it changes in the losses, so a few of these are part of the name: a sum over
sampled tasks at a point of no one's choosing, to as many digits as survive another order of summing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.derive.share import ALONE, sharing
from metainfl.derive.slopes import sample
from metainfl.errors import MetainflError

AWAY = 0.01  # of 1 + |lam_j|, where losses that are zero at a minimum are not


def witness(problem: Problem, lam: Tensor) -> str:
    """Six digits of the sum of the sampled tasks' losses beside lam (three in single precision)."""
    turns = torch.arange(len(lam), device=lam.device, dtype=lam.dtype)
    beside = lam.detach() + AWAY * (1 + lam.detach().abs()) * torch.cos(turns)
    try:
        few = problem.tasks.select(sample(problem.tasks)).to(lam.device, lam.dtype)
        with sharing(ALONE):  # one rank may ask alone
            found = float(problem.losses(beside, few).double().sum())
    except MetainflError as error:
        return type(error).__name__  # it is told where the numbers are asked for
    return f"{found:.{5 if lam.dtype == torch.float64 else 2}e}"
