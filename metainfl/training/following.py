"""Runs that follow a recorded loop whose rounding a replay would magnify: s_{t+1} = U_t(s_t, g_t) + r_t.

Every step of the loop is the recipe's to rounding, and yet a replay ends elsewhere: networks with kinks and
normalisation magnify rounding from step to step, in single precision within some dozens. r_t is the loop's
own rounding, the constant that takes step t from its recorded parameters to the next ones. With it the run
goes where the loop went; its derivative is taken along the loop's own states, since that of a constant is 0.
Reruns keep r_t, so that weights of 1 change nothing. What r_t may hide is a recipe that differs by less than
rounding in each step, but always to one side: `explained` asks whether rounding gets as far.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import RunNotFinite
from metainfl.training.agreement import Agreement
from metainfl.training.program import Program

#: how many times as far as rounding of random sign a loop may end from its replay
BEYOND = 4
#: such reruns at most: where few directions are magnified, one may happen to keep away from them
RERUNS = 4


def with_rounding(program: Program, rounding: Sequence[Tensor]) -> Program:
    """The same program, r_t (p,) added after each step."""
    other = copy.copy(program)
    other.rounding = tuple(rounding)
    return other


def explained(program: Program, lam: Tensor, agreement: Agreement, last: Tensor) -> bool:
    """Whether rounding as large as the loop's, its signs drawn, takes a replay about as far from the lam (p,)
    where it ends without as the loop's `last` is from it.
    """
    gap = agreement.apart(lam, last.to(lam))
    for seed in range(RERUNS):
        draw = torch.Generator().manual_seed(seed)
        signs = (
            2 * torch.randint(0, 2, lam.shape, generator=draw, device="cpu") - 1
            for _ in agreement.rounding
        )
        drawn = [r * s.to(r) for r, s in zip(agreement.rounding, signs, strict=True)]
        try:
            end = with_rounding(program, drawn).run_to(program.steps).lam
        except RunNotFinite:
            return True
        if gap <= BEYOND * agreement.apart(lam, end):
            return True
    return False
