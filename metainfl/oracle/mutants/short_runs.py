"""Methods that are right on short runs of the usual recipes: what they read of a run they read too little."""

from dataclasses import replace
from functools import partial

import torch

from metainfl.methods.run import tracin
from metainfl.oracle.mutants.registry import mutant
from metainfl.problem.perturbation import parts
from metainfl.training import SGD, Adam, State, places, train
from metainfl.training.products import Products

WEIGHTS = ("task", "support", "query", "group")


def otherwise(run, pis, start=None, **changes):
    """The derivative of the same run, as far as it went, by another recipe or from another start."""
    n_tasks = run.program.problem.tasks.n_tasks
    recipe = replace(run.recipe.from_step(0, n_tasks, run.done), **changes)
    start = run.program.start if start is None else start
    again = train(run.program.problem, recipe, start=start, progress=False)
    return again.influence(pis).value


@mutant("clipping ignored where the optimiser is SGD", estimand="run_derivative", kinds=WEIGHTS)
def clips_adam_only(run, pis):
    return otherwise(run, pis, **({"clip": None} if isinstance(run.recipe.optimiser, SGD) else {}))


@mutant("dampening ignored", estimand="run_derivative", kinds=WEIGHTS)
def dampening_ignored(run, pis):
    o = run.recipe.optimiser
    return otherwise(run, pis, optimiser=replace(o, dampening=0.0) if isinstance(o, SGD) else o)


@mutant("a last phase that begins with fresh moments", estimand="run_derivative", kinds=WEIGHTS)
def moments_of_the_start_forgotten(run, pis):
    return otherwise(run, pis, start=State(run.program.start.lam))


@mutant("sums over a batch taken for means where the optimiser is Adam", estimand="run_derivative",
        kinds=WEIGHTS)  # fmt: skip
def adam_of_means(run, pis):
    adam = isinstance(run.recipe.optimiser, Adam)
    return otherwise(run, pis, **({"reduction": "mean"} if adam else {}))


@mutant("at most the last ten steps", estimand="run_derivative", kinds=WEIGHTS)
def last_ten_steps(run, pis):
    return run.phase(max(0, run.done - 10), progress=False).influence(pis).value


@mutant("at most the last hundred steps", estimand="run_derivative", kinds=WEIGHTS)
def last_hundred_steps(run, pis):
    return run.phase(max(0, run.done - 100), progress=False).influence(pis).value


@mutant("only the states that were kept are visited", estimand="run_score", kinds=("task",))
def visits_what_was_kept(run, pis, targets):
    program, bar = run.program, run.target_slopes(targets)
    moments = (torch.zeros_like(bar),) * program.recipe.optimiser.n_moments
    found = {"task_weight": places.zeros(program.problem.tasks, "task_weight", len(bar))}
    for t in sorted((t for t in run.kept.states if t < run.done), reverse=True):
        state = run.kept.states[t]
        step = Products(program, t, state.lam, ("lam",), ("lam", "task_weight"))
        slope = step.gradient() if program.update.needs_gradient else torch.zeros_like(state.lam)
        bar, *rest, turned = program.update.pull(state, slope, program.rates[t], (bar, *moments))
        moments, bar = tuple(rest), bar + program.problem.outer_reg * turned
        along = {"lam": program.scale(t) * turned}
        bar = bar + step.along(partial(_always, along), len(bar), found)
    rows = [[found["task_weight"][:, m.task] for m in parts(p)] for p in pis]
    return torch.stack([torch.stack(row).sum(0) for row in rows])


def _always(value, *given):
    return value


@mutant("one per cent off in float32", estimand="run_derivative", kinds=WEIGHTS)
def one_per_cent_off_in_float32(run, pis):
    found = run.influence(pis).value
    return found * 1.01 if found.dtype == torch.float32 else found


@mutant(
    "a ranking the other way round", estimand="run_score", accuracy="rank", kinds=("task", "query")
)
def ranks_a_run_backwards(run, pis, targets):
    return -run.scores(targets, pis).value


@mutant("halves the targets' labels in place", estimand="run_score", kinds=("task", "group"))
def spoils_the_targets_of_a_run(run, pis, targets):
    found = run.scores(targets, pis).value
    targets.query_y.mul_(0.5)
    return found


@mutant("TracIn of the first eight steps", estimand="tracin", kinds=("task",))
def tracin_of_eight_steps(run, pis, targets):
    p = run.program
    recipe = replace(
        run.recipe, steps=None, batch_size=None, batches=p.batches[:8], rate=p.rates[:8]
    )
    return tracin(train(p.problem, recipe, start=p.start, progress=False), pis, targets)
