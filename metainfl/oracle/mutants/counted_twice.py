"""Slips in what is counted: the regulariser in a task's part, and weights once too often."""

from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant


@mutant("regulariser's gradient counted in the right-hand side of a task", kinds=("task",))
def regulariser_in_the_rhs(problem, pis):
    b = columns(problem, pis) + problem.outer_reg * problem.lam
    return solved(problem, hessian(problem), b)


@mutant("a share of the regulariser in each task's gradient", kinds=("task",))
def share_of_the_regulariser(problem, pis):
    b = columns(problem, pis) + problem.outer_reg * problem.lam / problem.tasks.n_tasks
    return solved(problem, hessian(problem), b)


@mutant("regulariser's share in H: outer_reg once a task")
def regulariser_once_a_task(problem, pis):
    h = hessian(problem) + (problem.tasks.n_tasks - 1) * problem.outer_reg * eye(problem)
    return solved(problem, h, columns(problem, pis))


@mutant("the task weight counted twice for instances", kinds=("support", "query"))
def task_weight_twice(problem, pis):
    return truth(problem, pis) * problem.tasks.w[[p.task for p in pis]][:, None]


@mutant("an effect: each row times its own weight", kinds=("task",))
def times_its_own_weight(problem, pis):
    return truth(problem, pis) * problem.tasks.w[[p.task for p in pis]][:, None]
