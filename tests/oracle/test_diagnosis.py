"""Diagnoses of wrong methods: the cause is named, and what has no name is not."""

import re

import pytest
import torch

import metainfl as mi
from metainfl.oracle import check_method
from tests.oracle.judged import judge

DIAGNOSES = {
    "sign_flipped": "the sign flipped",
    "no_outer_regulariser": "without the outer regulariser",
    "per_batch_inverses": r"per-batch inverses \(batches of 2\)",
    "pruned_inverse": "drops eigenvalues",
    "mean_of_the_rates": "the mean of the learning rates",
    "transposed_layout": "transposed layout",
    "group_mean": "mean of a group's members",
}


#: right wherever rates are alike, as they are where the order test asks
RIGHT_ON_PLAIN_CASES = ("mean_of_the_rates",)


@pytest.mark.parametrize("name", DIAGNOSES)
def test_the_diagnosis_names_the_cause(name):
    report = judge(name, ["agrees_with_the_truth", "order_of_the_remainder"])
    assert not report.passed
    assert re.search(DIAGNOSES[name], report.diagnosis), report.diagnosis
    failed = [o.check for o in report.failures]
    plain = name in RIGHT_ON_PLAIN_CASES
    assert failed == ["agrees_with_the_truth", "order_of_the_remainder"][: 1 if plain else 2]
    first = next(o for o in report.failures if o.check == "agrees_with_the_truth")
    assert first.error > first.tolerance > 0 and first.condition >= 1
    assert "growth" in first.tolerance_from and "rerun(" in first.code


def test_diagnosis_of_an_unknown_error():
    """Guards a name for what has none."""

    def noisy(problem, pis):
        out = mi.influence(problem, pis).value
        noise = torch.randn(out.shape, generator=torch.Generator().manual_seed(0), dtype=out.dtype)
        return out + 0.3 * out.norm() * noise

    few = {"claim": mi.Claim(families=("proximal_ridge", "maml_softmax")), "in_process": True}
    report = check_method(noisy, quick=True, checks=["agrees_with_the_truth"], **few)
    assert report.diagnosis.startswith("no known variant")

    def next_to_nothing(problem, pis):
        return 1e-6 * noisy(problem, pis)

    report = check_method(next_to_nothing, quick=True, checks=["agrees_with_the_truth"], **few)
    assert report.diagnosis.startswith("no known variant")
    assert (
        "parallel" not in report.diagnosis
    )  # nearly all of the truth is left, whatever it is scaled by


def test_a_single_row_bears_no_solver_out_and_can_deny_it():
    """Guards a name that a case with a single task was left out of, or withheld by."""

    def damped(size, of_one):
        def method(problem, pis):
            d = of_one if problem.tasks.n_tasks == 1 else size
            h = problem.hessian(problem.lam)
            right = problem.task_gradients(problem.lam)[[p.task for p in pis]]
            return -torch.linalg.solve(h + d * torch.eye(len(h)), right.T).T

        return method

    claim = mi.Claim(kinds=("task",), families=("proximal_ridge", "maml_softmax"))
    same, other = (
        check_method(
            damped(1e-3, d),
            claim=claim,
            quick=True,
            in_process=True,
            checks=["agrees_with_the_truth"],
        ).diagnosis
        for d in (1e-3, 2e-3)
    )
    assert same == "the truth with an extra damping of 0.001"
    assert other == "the truth with a damping that changes from problem to problem"


def test_a_factor_a_row_is_named_where_some_problem_has_weights_of_one():
    """Guards a diagnosis that stopped: what does not vary on one case has no entry there."""

    def method(problem, pis):
        weights = problem.tasks.w[[p.task for p in pis]]
        return -mi.influence(problem, pis, allow_nonstationary=True).value / weights[:, None]

    claim = mi.Claim(kinds=("task",), families=("proximal_ridge",))
    report = check_method(
        method, claim=claim, quick=True, in_process=True, checks=["agrees_with_the_truth"]
    )
    assert report.diagnosis == "each row without the weight of its task, and the sign flipped"
