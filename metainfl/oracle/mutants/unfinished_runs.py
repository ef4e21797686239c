"""Slips in runs that stopped before their recipe ended, and in the targets of batches of one."""

from metainfl.methods.run import tracin_ideal
from metainfl.oracle.mutants.registry import mutant
from metainfl.training import train


@mutant(
    "the steps of the recipe for those that were taken",
    estimand="run_derivative",
    kinds=("task", "query"),
)
def recipe_for_the_run(run, pis):
    program = run.program
    whole = train(program.problem, run.recipe, start=program.start, progress=False)
    return whole.influence(pis).value


@mutant("a third target forgotten", estimand="ideal_tracin", kinds=("task",))
def ideal_tracin_of_two_targets(run, pis, targets):
    found = tracin_ideal(run, pis, targets).clone()
    found[:, 2:] = 0
    return found
