"""Right of the recipes that most runs have, and of the targets that were asked about first.

Each was once found to pass a full check: an optimiser was met with one clip, one decay, one reduction and one
start alone, and one problem with one set of targets.
"""

from dataclasses import replace

import torch
from torch import Tensor

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.short_runs import WEIGHTS, otherwise
from metainfl.problem.ragged import Ragged
from metainfl.training import SGD, Adam, State


def _plain(o):
    return isinstance(o, SGD) and not o.momentum


def _heavy(o):
    return isinstance(o, SGD) and bool(o.momentum) and not o.nesterov


def _slipped(run, pis, where, **changes):
    """The derivative under another recipe where the optimiser is of that sort."""
    return otherwise(run, pis, **(changes if where(run.recipe.optimiser) else {}))


@mutant("clipping ignored in plain descent", estimand="run_derivative", kinds=WEIGHTS)
def clip_of_plain_descent(run, pis):
    return _slipped(run, pis, _plain, clip=None)


@mutant("decoupled decay left out of plain descent", estimand="run_derivative", kinds=WEIGHTS)
def decay_of_plain_descent(run, pis):
    o = run.recipe.optimiser
    return _slipped(
        run, pis, lambda o: _plain(o) and o.decoupled, optimiser=replace(o, weight_decay=0.0)
    )


@mutant(
    "clipping ignored where momentum is not Nesterov's", estimand="run_derivative", kinds=WEIGHTS
)
def clip_of_momentum(run, pis):
    return _slipped(run, pis, _heavy, clip=None)


@mutant("momentum that begins afresh", estimand="run_derivative", kinds=WEIGHTS)
def momentum_forgotten(run, pis):
    start = State(run.program.start.lam) if _heavy(run.recipe.optimiser) else None
    return otherwise(run, pis, start=start)


@mutant(
    "clipping ignored where decay is decoupled in Adam", estimand="run_derivative", kinds=WEIGHTS
)
def clip_of_adamw(run, pis):
    return _slipped(run, pis, lambda o: isinstance(o, Adam) and o.decoupled, clip=None)


@mutant(
    "epsilon inside the root wherever decay is decoupled", estimand="run_derivative", kinds=WEIGHTS
)
def root_of_adamw(run, pis):
    o = run.recipe.optimiser
    of = isinstance(o, Adam) and o.decoupled
    return _slipped(run, pis, lambda _: of, optimiser=replace(o, eps_inside_root=True) if of else o)


@mutant("clipping ignored in Adam's steps of sums", estimand="run_derivative", kinds=WEIGHTS)
def clip_of_sums_in_adam(run, pis):
    summed = run.recipe.reduction == "sum"
    return _slipped(run, pis, lambda o: isinstance(o, Adam) and summed, clip=None)


@mutant("one per cent off along runs of tasks of different sizes in float32",
        estimand="run_derivative", kinds=WEIGHTS)  # fmt: skip
def sizes_of_a_run_in_float32(run, pis):
    rows = run.influence(pis).value
    tasks = run.program.problem.tasks
    return rows * (1.01 if isinstance(tasks, Ragged) and rows.dtype == torch.float32 else 1.0)


_OF_RUNS: dict[bytes, Tensor] = {}


@mutant("a cache of targets' slopes by the end of a run", estimand="run_score", kinds=WEIGHTS)
def slopes_kept_by_run(run, pis, targets):
    slopes = _OF_RUNS.setdefault(run.lam.numpy().tobytes(), run.target_slopes(targets))
    return run.influence(pis).value @ slopes.T


_OF_PROBLEMS: dict[object, Tensor] = {}


@mutant("a cache of targets' slopes by problem", estimand="score")
def slopes_kept_by_problem(problem, pis, targets):
    t = problem.tasks
    key = (problem.lam.numpy().tobytes(), str(problem.outer_reg), t.query_x.numpy().tobytes(),
           targets.n_tasks, str(targets.query_x.shape))  # fmt: skip
    slopes = _OF_PROBLEMS.setdefault(key, problem.task_gradients(problem.lam, targets))
    return truth(problem, pis) @ slopes.T
