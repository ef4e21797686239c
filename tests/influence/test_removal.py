"""Removal edits, re-adaptation and scores, against the reference."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.influence import removal
from metainfl.oracle import small_case
from metainfl.oracle.bridge import tasks_of
from metainfl_reference.answer import Answer
from metainfl_reference.errata import paper_001
from metainfl_reference.errors import BranchLost
from metainfl_reference.estimands import removal as reference_removal
from metainfl_reference.family import targets
from metainfl_reference.perturbation import task
from tests.helpers import NAMES, assert_close


@pytest.mark.parametrize("name", NAMES)
def test_second_order_removal(name):
    case = small_case(name, 1)
    problem = case.problem()
    pis = [*case.perturbations(("query", "group"))[-4:], mi.task(1)]
    # fourth-order differences with h = eps^(1/5): about eps^(4/5) = 3e-13 of the second derivative
    assert_close(removal.second_order(problem, pis), case.truth("second_order", pis), 1e-10)
    w = problem.tasks.w.clone()
    w[1] = 0.7
    heavy = problem.replaced(tasks=problem.tasks.reweighted(task=w))
    weights = case.solution.weights.moved(task(1), -0.3)
    at = case.family.solve(weights, start=case.solution.lam)
    heavy.lam = torch.tensor(at.lam)
    want = reference_removal.second_order(case.family, task(1), at).value
    assert_close(removal.second_order(heavy, [mi.task(1)])[0], want, 1e-10)
    first = reference_removal.first_order(case.family, task(1), at).value
    assert_close(removal.first_order(heavy, [mi.task(1)])[0], first, 1e-10)


@pytest.mark.parametrize("name", ["proximal_softmax", "maml_linear"])
def test_remove_and_readapt(name):
    case = small_case(name, 1)
    problem, pis = case.problem(), [mi.task(0), mi.query(2, 1)]
    edits = removal.resolved(problem, pis)
    truth = case.truth("removal", pis)
    assert_close(edits, truth, 1e-11)
    new = tasks_of(case.family.episodes).select([3, 4])
    theta = removal.readapted(problem, edits, new)
    want = np.stack([[case.family.task_parameters(k, lam) for k in (3, 4)] for lam in truth])
    assert_close(theta, want, 1e-10)
    chosen = [targets(case.family.episodes)[k] for k in (3, 4)]
    scores = [
        [
            reference_removal.score(case.family, t, case.solution, Answer.exactly(lam)).value
            for t in chosen
        ]
        for lam in truth
    ]
    assert_close(removal.target_losses(problem, edits, new), np.array(scores), 1e-9)


def test_the_influence_score_of_paper_001_is_another_number():
    """IS leaves out d theta'/d lam: by how much, and that it is what it says."""
    case = small_case("proximal_softmax", 1)
    problem, pis = case.problem(), case.perturbations(["task"])
    new = tasks_of(case.family.episodes).select([2])
    exact_score = mi.scores(problem, pis, new).value[:, 0].numpy()
    printed = mi.scores(problem, pis, new, through_adaptation=False).value[:, 0].numpy()
    lam = case.solution.lam
    slope = paper_001.outer_gradient(case.family, 2, case.solution)
    assert_close(printed, case.truth("derivative", pis) @ slope, 1e-10)
    full = case.family.target_gradient(targets(case.family.episodes)[2], lam)
    assert_close(exact_score, case.truth("derivative", pis) @ full, 1e-10)
    assert np.abs(printed - exact_score).max() > 0.05 * np.abs(exact_score).max()
    with pytest.raises(mi.InvalidProblem, match="other spaces"):
        mi.scores(
            small_case("prototypes").problem(), pis,
            tasks_of(small_case("prototypes").family.episodes), through_adaptation=False,
        )  # fmt: skip


@pytest.mark.parametrize("name, seed, k", [("prototypes", 6, 0), ("maml_softmax", 9, 4)])
def test_a_removal_that_folds_is_named(name, seed, k):
    """Kind guarded: an answer from another valley. The reference loses the same branches."""
    case = small_case(name, seed)
    with pytest.raises(BranchLost):
        case.family.remove(task(k), case.solution)
    with pytest.raises(mi.errors.BranchLost, match="cannot be followed") as caught:
        removal.resolved(case.problem(), [mi.task(k)])
    assert 0 < caught.value.share < 1


def test_a_shift_of_a_problem_is_told_without_a_run():
    """Guards advice to call what a problem does not have."""
    problem, moved = small_case("proximal_ridge").problem(), mi.shift("query", 1, 0, 2)
    for way in (removal.resolved, removal.newton, removal.first_order, removal.second_order):
        with pytest.raises(
            mi.InvalidProblem, match=r"query_input 1.0\[2\] is an input shift"
        ) as told:
            way(problem, [moved])
        assert "run." not in str(told.value)
