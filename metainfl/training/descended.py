"""The objective that a run descends on average over batches, as a sum over tasks.

    J(lam) = share sum_i w_i L_i(lam) + (outer_reg + decay)/2 |lam|^2,      share = c |B|/T
decay is what the optimiser's weight decay comes to (see `steps`): one number a parameter for AdamW. Divided
by the share (1/T where a step takes the mean of its batch) it is a `Problem`, whose regulariser stands beside
T tasks as it stood beside their mean: T times what `run.problem()` has, or more.
"""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidRecipe
from metainfl.training.run import Run
from metainfl.training.steps import decay

#: how much more often one task may be met than another by the batches that were given: chosen, not derived
UNEQUAL = 1.5


def objective(run: Run) -> Problem:
    """J/share at the end of the run: its gradient, Hessian and implicit influence are those of the training.

    F of `run.problem()` has its regulariser once for all tasks, and was not what steps of means descended.
    With AdamW's decay approximately (see `steps`), and without what clipping does. Raises `InvalidRecipe`
    where a run has no one objective: without a step, with inputs drawn anew at every step, with batches that
    hold some tasks more often than others, and for an optimiser whose decay comes to no number.
    """
    if not run.done:
        raise InvalidRecipe("this run has taken no step, so it has descended nothing: train it")
    if run.recipe.augmentation is not None:
        raise InvalidRecipe(
            "inputs are drawn anew at every step, so this run descends no one objective"
        )
    if run.recipe.batches is not None:
        _require_alike(run)
    return objective_at(run, run.done, run.state.lam, mean_share(run, 0, run.done))


def _require_alike(run: Run) -> None:
    """`InvalidRecipe` where the batches that were given weigh tasks unequally."""
    program = run.program
    seen = [0.0] * program.problem.tasks.n_tasks
    for t in range(run.done):
        for k in program.batches[t]:
            seen[k] += program.scale(t)
    low, high = min(seen), max(seen)
    if high > UNEQUAL * low:
        often = f"{high / low:.3g} times as often as" if low else "and never"
        raise InvalidRecipe(
            f"the batches of this run hold task {seen.index(high)} {often} task {seen.index(low)}, so it "
            "descends no sum over tasks"
        )


def objective_at(run: Run, t: int, lam: Tensor, share: float) -> Problem:
    """J/share at lam, the state before step t (the end: t = run.done)."""
    problem = run.program.problem
    return problem.replaced(outer_reg=(problem.outer_reg + decay(run, t)) / share, lam=lam)


def share_at(run: Run, t: int) -> float:
    """What step t's gradient holds of a task on average: c_t |B_t| / T; at the end, the last step's."""
    program, t = run.program, min(t, run.done - 1)
    return program.scale(t) * len(program.batches[t]) / program.problem.tasks.n_tasks


def mean_share(run: Run, first: int, last: int) -> float:
    """The mean share of the steps from `first` to before `last`."""
    return sum(share_at(run, t) for t in range(first, last)) / (last - first)
