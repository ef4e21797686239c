"""The exact total Hessian: H = sum_i w_i D^2 L_O^i + outer_reg I (001, Def. 4.2; 002, eqs 5, 15).

Products by a second derivative through the adaptation (see `product`; 001, Remark 4.4); d2 theta/d lam2
is in them, never formed.
"""

from __future__ import annotations

import torch

from metainfl.derive.problem import Problem
from metainfl.derive.tape import Tape
from metainfl.errors import InvalidOption
from metainfl.solve.operator import SymmetricOperator


def exact(problem: Problem) -> SymmetricOperator:
    """H at problem.lam."""
    lam, t = problem.lam.clone(), problem.tasks

    def sample(batch: int, generator: torch.Generator) -> SymmetricOperator:
        if batch > t.n_tasks:
            raise InvalidOption(f"a batch of {batch} tasks was asked for, there are {t.n_tasks}")
        chosen = t.select(torch.randperm(t.n_tasks, generator=generator, device="cpu")[:batch])
        few = chosen.reweighted(task=chosen.w * (t.n_tasks / batch))
        return exact(problem.replaced(tasks=few))

    return SymmetricOperator(
        problem.n_meta,
        Tape(problem, lam, problem.settled(lam)),
        lam,
        sample=sample,
        make_dense=lambda: problem.hessian(lam),
        flat=problem.tangent(),
    )
