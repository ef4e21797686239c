"""Influences kept without the training data (002, section 4.1): what explains a new task from a file.

    value (n, p) = d lam/d pi;   d L_t/d pi = value . D L_t(lam)
One dot product a target and datum: neither the training tasks nor a solve is needed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.influence.compressed import Compressed, compressed
from metainfl.influence.explained import slopes_of
from metainfl.problem.dense import dense
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import require_perturbations


@dataclass(frozen=True, eq=False)
class Stored:
    """d lam/d pi (n, p), what each row is the derivative in, and the lam (p,) that it was taken at.

    Made from what `influence(problem, asked).value`, `run.influence(asked).value` or a method of yours
    gives; `metainfl.save` and `metainfl.load` keep it.
    """

    value: Tensor
    perturbations: Sequence[Perturbation]
    lam: Tensor

    def __post_init__(self) -> None:
        require_perturbations(self.perturbations)
        object.__setattr__(self, "perturbations", tuple(self.perturbations))
        for name, shape, axes in (("value", "(n, p)", 2), ("lam", "(p,)", 1)):
            t = getattr(self, name)
            if not isinstance(t, Tensor) or not t.is_floating_point() or t.ndim != axes:
                raise InvalidProblem(f"{name} must be a tensor {shape} of floats, got {said(t)}")
            object.__setattr__(self, name, dense(name, t).detach().clone())
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

        if not torch.isfinite(self.lam).all():
            place = int((~torch.isfinite(self.lam)).nonzero()[0])
            raise NotFinite(f"lam is not finite at index {place}", quantity="lam")

    def scores(self, problem: Problem, targets: Tasks) -> Tensor:
        """d L_t/d pi (n, m) of targets that adapt as `problem` has it; its own tasks are not read.

        Minus the value, times the weight, is the score of a removal: positive = the data helped. Raises
        `InvalidProblem` where the problem's lam is not the one that the influences belong to.
        """
        slopes = slopes_of(problem, targets, self.lam)
        return self.value.to(slopes) @ slopes.T

    def compressed(
        self, size: int, *, seed: int = 0, dtype: torch.dtype = torch.float32
    ) -> Compressed:
        """The same in `size` numbers a datum, fewer than p: scores then have an error, and say which.

        Random signs by `seed` (`sketch`); `dtype` is what is kept. Nothing is compressed unasked. Raises
        `InvalidOption`.
        """
        return compressed(self.value, self.perturbations, self.lam, size, seed, dtype)
