"""Whether a run's derivative says anything about finite changes: its metasmoothness.

    S = sum_i |d_i| sign(d_i) sign(d'_i) / sum_i |d_i|,   d = lam_S(1 + h v) - lam_S(1),
                                                          d' = lam_S(1 + 2 h v) - lam_S(1 + h v)
(Engstrom et al. 2025, Definition 2): 1 where the parameters go on moving the way they began to, about 0
where the second step says nothing of the first. v is a random direction of task weights, +1 or -1 each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.numbers import seed as checked_seed
from metainfl.training.given import number
from metainfl.training.program import Program

H = "in (0, 0.5] (weights 1 - 2 h must not be negative)", lambda h: 0 < h <= 0.5
HIGH, LOW = 0.9, 0.5
NONE = "not a prediction"


@dataclass(frozen=True)
class Smoothness:
    """`value` in [-1, 1], for steps of `h` along the direction of `seed`."""

    value: float
    h: float
    seed: int

    @property
    def is_prediction(self) -> bool:
        """Whether the derivative may be read as a prediction of finite changes."""
        return self.value >= LOW

    def __str__(self) -> str:
        """The number, and what it means."""
        head = f"metasmoothness {self.value:.2f} (h = {self.h:g})"
        if self.value >= HIGH:
            return (
                f"{head}: smooth in one direction; a few reruns (reruns=) say how well the derivative "
                "predicts removals"
            )
        if self.is_prediction:
            return f"{head}: partly smooth; confirm the derivative by a few reruns (reruns=) before using it"
        return (
            f"{head}: {NONE}; the derivative is that of the program, but finite changes do not "
            "follow it. A smooth activation, larger batches, a smaller rate, no momentum, a larger epsilon "
            "inside Adam's root, or a last phase from a fixed start (run.phase) make a run smoother"
        )


def metasmoothness(program: Program, steps: int, lam: Tensor, *, h: float, seed: int) -> Smoothness:
    """Of a run that ended in lam after `steps` steps: two reruns, at weights 1 + h v and 1 + 2 h v."""
    h, seed = number(h, "h", H), checked_seed(seed, InvalidRecipe)
    tasks = program.problem.tasks
    draw = torch.Generator().manual_seed(seed)
    v = 2.0 * torch.randint(0, 2, (tasks.n_tasks,), generator=draw, device="cpu").to(tasks.w) - 1
    ends = [lam]
    for factor in (1, 2):
        other = program.with_tasks(tasks.reweighted(task=tasks.w * (1 + factor * h * v)))
        ends.append(other.run_to(steps).lam)
    first, second = ends[1] - ends[0], ends[2] - ends[1]
    moved = first.abs().sum()
    if not moved > 0:
        return Smoothness(1.0, h, seed)  # nothing moves: a constant is smooth
    return Smoothness(float((first.abs() * first.sign() * second.sign()).sum() / moved), h, seed)
