"""The tangent of a training run: the derivative of all of lam_S in some weights, forwards.

    d g_t = (c_t H_B + outer_reg) d lam_t + c_t d(grad L_B)/d pi,
    d s_{t+1} = jvp of U_t along (d s_t, d g_t)
One joint Hessian product a step and row (see `joint`). It is HyDRA in full (Chen et al. 2021; 003, eqs 57-61
and 79), which its fast form truncates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.derive.stacks import Stack
from metainfl.problem.perturbation import Perturbation
from metainfl.training import places
from metainfl.training.adjoint import Tell
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.finite import finite
from metainfl.training.joint import Variables
from metainfl.training.products import Products


def tangent(
    kept: Checkpoints, last: int, perturbations: Sequence[Perturbation], tell: Tell | None = None
) -> Tensor:
    """d lam_last/d pi (n, p)."""
    program = kept.program
    problem, n = program.problem, len(perturbations)
    names = places.needed(perturbations)
    program.require_in_place(names)
    rows = (program.start.lam.new_zeros(n, problem.n_meta),) * (
        1 + program.recipe.optimiser.n_moments
    )
    for t, state in kept.upwards(range(last)):
        batch = Products(program, t, state.lam, ("lam", *names), ("lam",))
        g = batch.gradient() if program.update.needs_gradient else torch.zeros_like(state.lam)

        def moved(stack: Stack, where: Tensor, d_lam: Tensor = rows[0]) -> Variables:
            return {"lam": d_lam, **places.directions(perturbations, names, stack, where)}

        found = batch.along(moved, n, of=(rows[0], perturbations))
        d_g = problem.outer_reg * rows[0] + program.scale(t) * found
        rows = program.update.push(state, g, program.rates[t], (*rows, d_g))
        finite(rows[0], "influence", t)
        if tell:
            tell(t + 1, last)
    return rows[0]
