"""Influences kept without the training data (002, section 4.1): what explains a new task from a file.

    value (n, p) = d lam/d pi;   d L_t/d pi = value . D L_t(lam)
One dot product a target and datum: neither the training tasks nor a solve is needed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem.asked import require_tasks
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks


@dataclass(frozen=True)
class Stored:
    """d lam/d pi (n, p), what each row is the derivative in, and the lam (p,) that it was taken at.

    Made from what `influence(problem, asked).value`, `run.influence(asked).value` or a method of yours
    gives; `metainfl.save` and `metainfl.load` keep it.
    """

    value: Tensor
    perturbations: Sequence[Perturbation]
    lam: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", self.value.detach().clone())
        object.__setattr__(self, "lam", self.lam.detach().clone())
        object.__setattr__(self, "perturbations", tuple(self.perturbations))
        wanted = (len(self.perturbations), len(self.lam))
        if self.value.shape != wanted:
            raise InvalidProblem(
                f"influences of {wanted[0]} perturbations on {wanted[1]} meta-parameters are {wanted}, got "
                f"{tuple(self.value.shape)}"
            )
        if not torch.isfinite(self.value).all():
            row = int((~torch.isfinite(self.value).all(1)).nonzero()[0])
            p = self.perturbations[row]
            raise NotFinite(f"the influence of {p} is not finite", quantity="influence")

    def scores(self, problem: Problem, targets: Tasks) -> Tensor:
        """d L_t/d pi (n, m) of targets that adapt as `problem` has it; its own tasks are not read.

        Minus the value, times the weight, is the score of a removal: positive = the data helped. Raises
        `InvalidProblem` where the problem's lam is not the one that the influences belong to.
        """
        lam = self.lam.to(problem.lam)
        gap = float((problem.lam - lam).norm()) if problem.lam.shape == lam.shape else float("inf")
        if not gap <= 1e-6 * float(lam.norm()):
            raise InvalidProblem(
                "these influences were taken at another lam than the problem's: give it the one they were "
                "taken at, problem.replaced(lam=stored.lam)"
            )
        targets = require_tasks(targets).to(lam.device, lam.dtype)
        preflight(problem, targets, "target")
        return self.value.to(lam) @ problem.task_gradients(lam, targets).T
