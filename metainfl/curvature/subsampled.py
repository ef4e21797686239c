"""The exact Hessian of some of the tasks, in place of all (001, Algorithms 1 and 2, line 2).

    H_S = sum_{i in S} c_i w_i D^2 L_O^i + outer_reg I
    uniform                    S without replacement,    c_i = n/|S|, n the tasks that have weight
    difficulty, uncertainty    |S| draws from p with replacement (see `chances`), c_i = 1/(p_i |S|)
    reweighted=False           the same draws,           c_i = n/|S|
The paper names three ways to choose S and prints neither p nor c. With c = 1/(p |S|) the mean of H_S over
draws is H; the bare sum has tasks of large p too often, and its mean is another matrix (difficulty
overstates hard tasks). An inverse is not linear: the influence by H_S is biased in any case, the less the
larger S; and where tasks are not convex one by one, H_S may be indefinite, which solvers refuse. A task
with p_i = 0 that has a Hessian (loss 0 at a minimum of its own) is missed by both.
S as large as all tasks is all of them, each once: H itself, whatever `by`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.curvature.chances import BY, By, chances
from metainfl.curvature.exact import exact
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.numbers import among, said, whole
from metainfl.numbers import seed as checked_seed
from metainfl.solve.operator import SymmetricOperator


@dataclass(frozen=True)
class Subsampled:
    """A curvature from `size` tasks: `metainfl.influence(..., curvature=Subsampled(20))`.

    A product costs size/T of one with H; difficulty and uncertainty look at all T tasks first, forward. One
    seed draws the same tasks of a problem each time. Tasks of weight 0 are never drawn; where fewer than
    `size` have weight, all of them are taken. Raises `InvalidOption`.
    """

    size: int
    by: By = "uniform"
    reweighted: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.size, Problem):
            raise InvalidOption(
                "write curvature=Subsampled(20): of how many tasks, not the bare class"
            )
        object.__setattr__(self, "size", whole(self.size, "size", 1, error=InvalidOption))
        object.__setattr__(self, "seed", checked_seed(self.seed, InvalidOption))
        if not among(self.by, BY):
            raise InvalidOption(f"by is one of {', '.join(BY)}; got {said(self.by)}")
        if not isinstance(self.reweighted, bool):
            raise InvalidOption(f"reweighted is True or False, got {said(self.reweighted)}")

    def __call__(self, problem: Problem) -> SymmetricOperator:
        """H_S at problem.lam."""
        t = problem.tasks
        if self.size > t.n_tasks:
            raise InvalidOption(
                f"a subset of {self.size} tasks was asked for, there are {t.n_tasks}"
            )
        if self.size >= int((t.w > 0).sum()):
            return exact(problem)
        p = chances(problem, self.by)
        return self.of(problem, self.drawn(p), p)

    def drawn(self, p: Tensor) -> Tensor:
        """Places (size,) of the tasks that the seed draws from p (T,); with replacement, but for uniform."""
        generator = torch.Generator().manual_seed(self.seed)
        if self.by == "uniform":
            places = p.nonzero()[:, 0]
            return places[
                torch.randperm(len(places), generator=generator, device="cpu")[: self.size]
            ]
        ends = p.cumsum(0)
        at = torch.rand(self.size, generator=generator, dtype=p.dtype, device="cpu")
        return torch.searchsorted(ends / ends[-1], at, right=True)  # p = 0 is an empty interval

    def of(self, problem: Problem, drawn: Tensor, p: Tensor) -> SymmetricOperator:
        """H_S of the tasks at the places `drawn` (n,), those drawn twice twice, for chances p (T,)."""
        t, size = problem.tasks, len(drawn)
        if self.by == "uniform" or not self.reweighted:
            each = torch.full((size,), int((t.w > 0).sum()) / size, dtype=p.dtype, device="cpu")
        else:
            each = 1 / (p[drawn] * size)
        factor = torch.zeros_like(p).index_add(0, drawn, each)
        kept = drawn.unique()
        few = t.select(kept)
        return exact(problem.replaced(tasks=few.reweighted(task=few.w * factor[kept].to(few.w))))
