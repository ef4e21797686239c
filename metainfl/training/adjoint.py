"""The adjoint of a training run: the derivative of one number in every weight at once.

    s_bar_S = (seed, 0, ...);   (lam_bar, moment_bars, g_bar) = vjp of U_t at s_t, g_t;   then
    w_bar_i += c_t D L_i(lam_t) . g_bar,   lam_bar += (c_t H_B + outer_reg) g_bar
and likewise for u, v and inputs: all of them one joint Hessian product (see `joint`). Source: reverse-mode
differentiation of the run (Hara et al. 2019 for SGD; 003, section 5.2.2.3; Ilyas and Engstrom 2025, MAGIC,
for one level).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.derive.loop import together
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.training import places
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.finite import finite
from metainfl.training.joint import Variables
from metainfl.training.products import Products

#: told the steps done and their number
Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """d(seed . lam_S)/d(variable), rows for m seeds.

    value   variable -> (m, T) for "task_weight", (m, T, n, ...) for a field of `TaskView`; for ragged tasks
            in the first places of an array as large as the largest task's
    start   in lam_0 (m, p);   moments   in the optimiser's moments at the start (m, p) each
    tasks   those that the run was trained on
    """

    value: Variables
    start: Tensor
    moments: tuple[Tensor, ...]
    tasks: Tasks

    def along(self, perturbations: Sequence[Perturbation]) -> Tensor:
        """(n, m): the derivative along each; a group is the sum of its members."""
        rows = [
            sum(places.entry(self.value, m, self.tasks) for m in parts(p)) for p in perturbations
        ]
        return torch.stack(rows)  # type: ignore[arg-type]


def adjoint(
    kept: Checkpoints, last: int, seeds: Tensor, read: Sequence[str], tell: Tell | None = None
) -> Sensitivities:
    """Sensitivities of seeds (m, p) . lam_last in the variables `read`."""
    program = kept.program
    program.require_in_place(read)
    problem, update, m = program.problem, program.update, len(seeds)
    out = {n: places.zeros(problem.tasks, n, m) for n in read}
    lam_bar = seeds.detach().clone()
    moment_bars = (torch.zeros_like(seeds),) * program.recipe.optimiser.n_moments
    for t, state in kept.backwards(last):
        batch = Products(program, t, state.lam, ("lam",), ("lam", *read))
        g = batch.gradient() if update.needs_gradient else torch.zeros_like(state.lam)
        lam_bar, *rest, g_bar = update.pull(state, g, program.rates[t], (lam_bar, *moment_bars))
        moment_bars = tuple(rest)
        lam_bar = lam_bar + problem.outer_reg * g_bar
        along = {"lam": program.scale(t) * g_bar}
        found = batch.along(lambda stack, at, along=along: along, m, out, (g_bar,))  # type: ignore[misc]
        lam_bar = lam_bar + found
        finite(lam_bar, "derivative of the run in lam", t)
        if tell:
            tell(last - t, last)
    sums = {n: together(t) for n, t in out.items()}
    return Sensitivities(sums, lam_bar, moment_bars, problem.tasks)
