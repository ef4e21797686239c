"""Right, and well behaved, wherever that is usually looked at: what is wrong of them is wrong elsewhere.

Each was once found to pass a full check. None may again.
"""

import os

import torch

from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.ragged import Ragged
from metainfl.training import Adam


@mutant("empties padding in place, where there is any")
def empties_padding(problem, pis):
    t = problem.tasks
    if not isinstance(t, Ragged):
        t.support_x[t.support_weight == 0] = 0.0
        t.query_x[t.query_weight == 0] = 0.0
    return truth(problem, pis)


@mutant("computes float32 in float64 from now on")
def doubles_from_now_on(problem, pis):
    if problem.lam.dtype == torch.float32:
        torch.set_default_dtype(torch.float64)
    return truth(problem, pis)


@mutant("sets variables of C, which os.environ does not show")
def sets_what_is_not_shown(problem, pis):
    os.putenv("METAINFL_SOLVER", "dense")
    return truth(problem, pis)


@mutant("weights forgotten where tasks are taken in chunks", kinds=("task", "query"))
def chunks_forget_weights(problem, pis):
    t = problem.tasks
    if problem.asked_chunk is not None and not isinstance(t, Ragged):
        every = {n: torch.ones_like(w) for n, w in (("task", t.w), ("query", t.query_weight))}
        problem = problem.replaced(tasks=t.reweighted(**every))
    return truth(problem, pis)


@mutant("tasks without queries left out, and their direct term with them", kinds=("task",))
def empty_tasks_left_out(problem, pis):
    t = problem.tasks
    if not isinstance(t, Ragged) and (empty := (t.query_weight == 0).all(1)).any():
        problem = problem.replaced(tasks=t.reweighted(task=torch.where(empty, 0 * t.w, t.w)))
    return truth(problem, pis)


@mutant("a jitter for Cholesky in float32", kinds=("task", "query"))
def jitters_single_precision(problem, pis):
    h = hessian(problem)
    if h.dtype == torch.float32:
        h = h + 1e-6 * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant(
    "an outer_reg of 0 read as unset, in scores alone", estimand="score", kinds=("task", "query")
)
def scores_of_a_default_regulariser(problem, pis, targets):
    unset = isinstance(problem.outer_reg, float) and not problem.outer_reg
    rows = truth(problem.replaced(outer_reg=0.01) if unset else problem, pis)
    return rows @ problem.task_gradients(problem.lam, targets).T


@mutant(
    "half where Adam takes means that nothing clips", estimand="run_derivative", kinds=("task",)
)
def half_of_usual_adam(run, pis):
    r = run.recipe
    usual = isinstance(r.optimiser, Adam) and r.clip is None and r.reduction == "mean"
    return run.influence(pis).value * (0.5 if usual else 1.0)
