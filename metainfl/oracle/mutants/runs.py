"""Slips in what is read from a training run, and right methods that are built differently."""

from dataclasses import replace

import torch

from metainfl.methods.claim import Claim
from metainfl.methods.run import (
    gradient_dot,
    hydra,
    task_if_at_end,
    tracin,
    tracin_cp,
    tracin_ideal,
)
from metainfl.oracle.mutants.registry import MUTANTS, Specimen, mutant, right
from metainfl.oracle.runs.backwards import backwards, seeds_of
from metainfl.oracle.runs.slips import SLIPS
from metainfl.problem.perturbation import parts
from metainfl.problem.weights import weight
from metainfl.training import train

WEIGHTS = ("task", "support", "query", "group")
TASKS = ("task", "group")


class Slipped:
    """The adjoint of a run with one slip: of targets where they are given, else of every parameter."""

    def __init__(self, name):
        self.__name__ = self.name = name

    def __call__(self, run, pis, targets=None):
        """Rows."""
        slip = SLIPS[self.name]
        return backwards(run, pis, seeds_of(run, targets, slip), slip)


for _i, (_name, _slip) in enumerate(SLIPS.items()):
    _estimand = ("run_score", "run_derivative")[_i % 2]
    _claim = Claim(estimand=_estimand, kinds=WEIGHTS)
    MUTANTS[_name] = Specimen(_name, Slipped(_name), _claim, _slip.words)


@mutant(
    "the sign of TracIn's paper where a derivative is claimed", estimand="run_score", kinds=WEIGHTS
)
def run_score_with_the_papers_sign(run, pis, targets):
    return -run.scores(targets, pis).value


@mutant("TracIn taken for the derivative", estimand="run_score", kinds=TASKS)
def tracin_as_derivative(run, pis, targets):
    return tracin(run, pis, targets)


@mutant("gradient dot product at the end", estimand="run_score", kinds=TASKS)
def gradient_dot_as_derivative(run, pis, targets):
    return gradient_dot(run, pis, targets)


@mutant("the implicit formula at a state that is no minimum", estimand="run_score", kinds=TASKS)
def implicit_at_the_end(run, pis, targets):
    return task_if_at_end(run, pis, targets, damping=1.0)


@mutant("the derivative of a run of another seed's batches", estimand="run_derivative", kinds=TASKS)
def batches_in_another_order(run, pis):
    program = run.program
    other = replace(run.recipe, batches=program.batches[::-1], batch_size=None, steps=None)
    again = train(program.problem, other, start=program.start, progress=False)
    return again.influence(pis).value


@mutant("only the last step", estimand="run_derivative", kinds=WEIGHTS)
def only_the_last_step(run, pis):
    return run.phase(run.done - 1, progress=False).influence(pis).value


@mutant("right in what is asked first, in place of each", estimand="run_score", kinds=WEIGHTS)
def the_first_target_for_all(run, pis, targets):
    found = run.scores(targets, pis).value
    return found[:, :1].expand_as(found).clone()


@mutant("a weight's derivative times the weight", estimand="run_derivative", kinds=WEIGHTS)
def times_the_weight(run, pis):
    rows = run.influence(pis).value
    tasks = run.program.problem.tasks
    w = [sum(weight(tasks, m) for m in parts(p)) / len(parts(p)) for p in pis]
    return torch.tensor(w).to(rows)[:, None] * rows


@mutant("single precision inside", estimand="run_derivative", kinds=WEIGHTS)
def in_single_precision(run, pis):
    recipe = replace(run.recipe, dtype="float32")
    again = train(run.program.problem, recipe, start=run.program.start, progress=False)
    return again.influence(pis).value.to(run.lam)


@mutant("leaves the run with other weights", estimand="run_score", kinds=WEIGHTS)
def reweights_the_run_in_place(run, pis, targets):
    found = run.scores(targets, pis).value
    run.program.problem.tasks.w.mul_(0.5)
    return found


@mutant("first order in place of a rerun", estimand="run_removal", kinds=TASKS)
def removal_to_first_order(run, pis):
    tasks = run.program.problem.tasks
    rows = []
    for p in pis:
        w = torch.tensor([weight(tasks, m) for m in parts(p)]).to(run.lam)
        rows.append(run.lam - w @ run.influence(list(parts(p))).value)
    return torch.stack(rows)


@mutant("the mean is over what is left", estimand="run_removal", kinds=("task",))
def removal_shrinks_the_batch(run, pis):
    program, rows = run.program, []
    for p in pis:
        batches = [tuple(k for k in b if k != p.task) for b in program.batches]
        kept = [t for t, b in enumerate(batches) if b]
        recipe = replace(
            run.recipe, steps=None, batch_size=None, batches=[batches[t] for t in kept],
            rate=[program.rates[t] for t in kept],
        )  # fmt: skip
        rows.append(train(program.problem, recipe, start=program.start, progress=False).lam)
    return torch.stack(rows)


@mutant("every task at every step", estimand="tracin", kinds=("task",))
def tracin_of_all_tasks(run, pis, targets):
    return tracin_cp(run, pis, targets, checkpoints=None)


@mutant("the loss before minus the loss after", estimand="ideal_tracin", kinds=TASKS)
def tracin_ideal_as_printed(run, pis, targets):
    return -tracin_ideal(run, pis, targets)


@right(estimand="run_score")
def run_adjoint(run, pis, targets):
    return run.scores(targets, pis).value


@right(estimand="run_derivative")
def run_tangent(run, pis):
    return run.influence(pis).value


@right(estimand="run_score")
def run_tangent_and_slope(run, pis, targets):
    return hydra(run, pis, targets)


@right(estimand="run_removal", kinds=WEIGHTS)
def run_again(run, pis):
    return run.replay_many(pis)


@right(estimand="run_derivative", kinds=WEIGHTS, accuracy=1e-5)
def run_again_nearby(run, pis):
    """Central differences of reruns: right to the tolerance it claims. Steps go with the weights: under Adam
    a run is far from linear in one of 0.04.
    """
    h = 2e-5 if run.lam.dtype == torch.float64 else 1e-2
    tasks, rows = run.program.problem.tasks, []
    weights = {k: getattr(tasks, f"{k}_weight") for k in ("task", "support", "query")}
    for p in pis:
        places = [
            (m.kind, (m.task,) if m.kind == "task" else (m.task, m.instance)) for m in parts(p)
        ]
        step = h * min([float(w) for k, at in places if (w := weights[k][at]) > 0], default=1.0)
        ends = []
        for s in (step, -step):
            new = {k: w.clone() for k, w in weights.items()}
            for kind, at in places:
                new[kind][at] += s
            ends.append(run.replay(tasks.reweighted(**new)).lam)
        rows.append((ends[0] - ends[1]) / (2 * step))
    return torch.stack(rows)


@right(estimand="tracin", kinds=("task",))
def tracin_by_steps(run, pis, targets):
    return tracin(run, pis, targets)


@right(estimand="ideal_tracin", kinds=TASKS)
def tracin_ideal_by_steps(run, pis, targets):
    return tracin_ideal(run, pis, targets)
