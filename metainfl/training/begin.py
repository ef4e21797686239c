"""The program of a training run, looked at before its first step."""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.problem.stacked import placing
from metainfl.training.program import Program
from metainfl.training.recipe import Recipe
from metainfl.training.state import State


def begin(problem: Problem, recipe: Recipe, start: Tensor | State | None) -> Program:
    """Of `recipe` on `problem` from `start`; its derivatives are looked at there, and no step is taken."""
    program = Program(problem, recipe, start)
    there = program.problem.replaced(lam=program.start.lam)
    with placing(there, there.tasks, "task"):
        preflight(there, there.tasks)
    program.problem.derivatives_hold = True
    return program
