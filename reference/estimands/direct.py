"""Direct influence (001, eqs 6-7): partial derivatives in lam, theta held fixed.

    -(sum_i w_i d_lam d_lam L_O^i + d_out I)^{-1} d_lam L_O^k
A baseline of paper 001, not a derivative of lam*. It is zero where L_O does not read lam directly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl_reference.answer import Answer, measured
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.proximal_ridge import RidgeLocal
from metainfl_reference.family import Family
from metainfl_reference.linear import solve
from metainfl_reference.local import Local, ReducedLocal
from metainfl_reference.perturbation import Perturbation, parts
from metainfl_reference.solution import Solution

Array = np.ndarray


def influence(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Answer:
    """One row a perturbation (n, p); tasks and groups of tasks only.

    Raises `InvalidProblem` for others, and where the direct Hessian is singular.
    """
    for q in perturbations:
        if any(m.kind != "task" for m in parts(q)):
            raise InvalidProblem(f"eq. 6 is written for tasks; {q} is not one")

    def rows(f: Family, s: Solution) -> Array:
        try:
            return -solve(*_system(f, perturbations, s)).T
        except np.linalg.LinAlgError:
            raise InvalidProblem(
                "the direct Hessian is singular: what L_O does not read directly needs d_out above 0"
            ) from None

    return measured(family, at, rows, rows=True)


def _system(
    family: Family, perturbations: Sequence[Perturbation], at: Solution
) -> tuple[Array, Array]:
    """The direct Hessian (p, p) and d_lam L_O of each perturbation (p, n)."""
    p = family.n_meta
    tasks = [
        partials(family.task(k, at.lam, at.weights), p) for k in range(family.episodes.n_tasks)
    ]
    hessian = family.d_out * np.eye(p)
    for k, (_, curvature) in enumerate(tasks):
        hessian = hessian + at.weights.task[k] * curvature
    rows = [np.sum([tasks[m.task][0] for m in parts(q)], axis=0) for q in perturbations]
    return hessian, np.stack(rows, axis=1)


def partials(local: Local, p: int) -> tuple[Array, Array]:
    """d_lam L_O (p,) and d_lam d_lam L_O (p, p) with theta held fixed."""
    if isinstance(local, ReducedLocal):
        blocks = local.blocks()
        return blocks.q_l, local.curved(np.zeros(len(blocks.q_z))).ll
    if isinstance(local, RidgeLocal):
        return (-local.e * local.gap).reshape(-1), local.e * np.eye(p)
    return local.gradient(), local.hessian()  # nothing is adapted: partial is total
