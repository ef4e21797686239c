"""Limited-memory BFGS: the way to the neighbourhood of a minimum, at one gradient a step.

Far away a Newton equation is not worth its products. Steps go by the two-loop recursion (Nocedal and
Wright, algorithm 7.4) with an Armijo search, until the gradient has fallen far enough for Newton.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.minimise import Minimisation, Objective

MEMORY = 30
FAR = 1e-5  # of the first gradient: below it Newton's turn has come


def approach(problem: Objective, run: Minimisation, max_steps: int) -> None:
    """Moves `run.lam` downhill; ends without a word where it no longer gets ahead."""
    lam = run.lam
    value, g = float(problem.objective(lam)), problem.gradient(lam)
    run.gradients += 1
    first = float(g.norm())
    pairs: list[tuple[Tensor, Tensor]] = []
    for count in range(max_steps):
        run.value, run.slope, run.approach = value, float(g.norm()), count
        run.tell()
        if run.slope <= FAR * first or first == 0:
            return
        d = -_inverse(pairs, g)
        slope = float(d @ g)
        if slope >= 0:
            pairs, d, slope = [], -g, -float(g @ g)
        length = 1.0 if pairs else min(1.0, 1.0 / run.slope)
        for _ in range(30):
            new = float(problem.objective(lam + length * d))
            if new <= value + 1e-4 * length * slope:
                break
            length *= 0.4
        else:
            return
        there = lam + length * d
        other = problem.gradient(there)
        run.gradients += 1
        s, y = there - lam, other - g
        if (
            float(s @ y)
            > torch.finfo(g.dtype).eps ** 0.5 * float(y @ y) ** 0.5 * float(s @ s) ** 0.5
        ):
            pairs = [*pairs[-MEMORY + 1 :], (s, y)]
        if value - new <= 1e-9 * abs(value):
            run.lam = there
            return
        lam, value, g = there, new, other
        run.lam = lam


def _inverse(pairs: list[tuple[Tensor, Tensor]], g: Tensor) -> Tensor:
    """The approximate H^{-1} g."""
    q, found = g.clone(), []
    for s, y in reversed(pairs):
        alpha = (s @ q) / (s @ y)
        q = q - alpha * y
        found.append(alpha)
    if pairs:
        s, y = pairs[-1]
        q = q * ((s @ y) / (y @ y))
    for (s, y), alpha in zip(pairs, reversed(found), strict=True):
        q = q + s * (alpha - (y @ q) / (s @ y))
    return q
