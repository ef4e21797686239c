"""Many reruns of one program side by side: small networks wait for Python, not for arithmetic.

The same steps as `Run.replay`, batched over reruns by vmap; `measure` checks one of them against it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.training import joint
from metainfl.training.program import Program


def reruns(program: Program, weights: Tensor, width: int = 32) -> Tensor:
    """lam after all steps (r, p) for task weights (r, T); no clipping."""
    return torch.cat([_some(program, w) for w in weights.split(width)])


def _some(program: Program, weights: Tensor) -> Tensor:
    recipe = program.recipe
    lam = program.start.lam.expand(len(weights), -1)
    moments = tuple(m.expand(len(weights), -1) for m in program.start.moments)
    for t, rate in enumerate(program.rates):
        parts = []
        for stack, places in program.stacks(t, program.start.lam):

            def loss(at: Tensor, w: Tensor, stack: object = stack) -> Tensor:
                return joint.loss(program.problem, {"lam": at, "task_weight": w}, at, stack)

            parts.append(vmap(grad(loss))(lam, weights[:, places]))
        g = program.scale(t) * sum(parts) + program.problem.outer_reg * lam
        lam, moments = recipe.optimiser.step(lam, moments, g.detach(), rate, t)
    return lam.detach()
