"""Values of tasks as methods: what they claim, on problems with and without a closed form."""

import pytest

import metainfl as mi
from metainfl.methods.claim import claim_of
from metainfl.methods.game import of_tasks
from metainfl.oracle import small_case
from tests.helpers import assert_close

METHODS = [
    of_tasks.shapley_of_tasks,
    of_tasks.banzhaf_of_tasks,
    of_tasks.downsampling_of_tasks,
    of_tasks.feldman_zhang_of_tasks,
    of_tasks.leave_one_out_of_tasks,
]


@pytest.mark.parametrize("name", ["proximal_ridge", "maml_linear"])
@pytest.mark.parametrize("method", METHODS)
def test_methods_are_what_they_claim(method, name):
    """Kind guarded: rows and columns of another task or target, a claim of another estimand."""
    case = small_case(name, 0)
    problem, pis = case.problem(), [mi.task(3), mi.task(0)]
    got = method(problem, pis, case.target_tasks(problem))
    want = case.truth(claim_of(method).estimand, pis)
    assert_close(got, want, case.tolerance() * 100)  # sums of losses over 2^T solves


def test_tasks_that_do_not_count_are_no_players():
    """Kind guarded: rows shifted by a task of weight 0; groups answered as something else."""
    case = small_case("proximal_ridge", 0)
    problem = case.problem()
    w = problem.tasks.w.clone()
    w[1] = 0.0
    less = problem.replaced(tasks=problem.tasks.reweighted(task=w))
    kept = problem.replaced(tasks=problem.tasks.select([0, 2, 3, 4]))
    target = case.target_tasks(problem)
    got = of_tasks.shapley_of_tasks(less, [mi.task(4)], target)
    want = of_tasks.shapley_of_tasks(kept, [mi.task(3)], target)
    assert float((got - want).abs().max()) <= 1e-12
    for p in (mi.task(1), mi.group([mi.task(0), mi.task(2)]), mi.query(0, 0)):
        with pytest.raises(mi.InvalidOption, match="no player"):
            of_tasks.shapley_of_tasks(less, [p], target)
    with pytest.raises(mi.InvalidProblem, match="no perturbations"):
        of_tasks.shapley_of_tasks(less, [], target)


def test_without_a_closed_form_every_subset_is_solved():
    """Kind guarded: the closed form's error passed on where solving again would do."""
    case = small_case("single_softmax", 0)
    problem = case.problem().replaced(tasks=case.problem().tasks.select([0, 1]))
    problem.solve()
    target = case.target_tasks(problem)
    got = of_tasks.leave_one_out_of_tasks(problem, [mi.task(1)], target)[0]
    lam = mi.removal.resolved(problem, [mi.task(1)])[0]
    change = problem.losses(lam, target) - problem.losses(problem.lam, target)
    assert_close(got, change, 1e-9)
