"""Direct influence (001, eqs 6-7): partial derivatives in lam, theta held fixed.

    -(sum_i w_i d_lam d_lam L_O^i + d_out I)^{-1} d_lam L_O^k
A baseline of paper 001, not a derivative of lam*. It is zero where L_O does not read lam directly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families.proximal_ridge import RidgeLocal
from metainfl_reference.family import Family, Solution
from metainfl_reference.local import Local, ReducedLocal
from metainfl_reference.perturbation import Perturbation, parts

Array = np.ndarray


def influence(family: Family, perturbations: Sequence[Perturbation], at: Solution) -> Array:
    """One row a perturbation (n, p); tasks and groups of tasks only."""
    p = family.n_meta
    locals_ = [family.task(k, at.lam, at.weights) for k in range(family.episodes.n_tasks)]
    hessian = family.d_out * np.eye(p)
    for k, t in enumerate(locals_):
        hessian = hessian + at.weights.task[k] * partials(t, p)[1]
    rows = []
    for q in perturbations:
        if any(m.kind != "task" for m in parts(q)):
            raise InvalidProblem(f"eq. 6 is written for tasks; {q} is not one")
        rows.append(sum(partials(locals_[m.task], p)[0] for m in parts(q)))
    return -np.linalg.solve(hessian, np.stack(rows, axis=1)).T


def partials(local: Local, p: int) -> tuple[Array, Array]:
    """d_lam L_O (p,) and d_lam d_lam L_O (p, p) with theta held fixed."""
    if isinstance(local, ReducedLocal):
        blocks = local.blocks()
        return blocks.q_l, local.curved(np.zeros(len(blocks.q_z))).ll
    if isinstance(local, RidgeLocal):
        return (-local.e * local.gap).reshape(-1), local.e * np.eye(p)
    return local.gradient(), local.hessian()  # nothing is adapted: partial is total
