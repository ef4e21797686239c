"""Judged by what is claimed: nothing within a claim is failed by any check, nothing outside of it passes."""

import pytest

import metainfl as mi
from metainfl.oracle import check_method
from tests.oracle.judged import judge


@pytest.mark.parametrize(
    "name",
    [
        "rank_numbers_of_a_run",
        "shapley_ranked_on_another_scale",
        "run_within_a_thousandth",
    ],
)
def test_what_lies_within_its_claim_is_not_failed(name):
    report = judge(name)
    assert report.passed, str(report)


def test_what_lies_outside_of_a_claimed_accuracy_is_failed_along_a_run():
    def method(run, pis):
        return 1.02 * run.influence(pis).value

    claim = mi.Claim(estimand="run_derivative", accuracy=1e-3)
    checks = ["agrees_with_the_truth", "tends_to_the_implicit_answer"]
    report = check_method(method, claim=claim, quick=True, checks=checks, in_process=True)
    assert [o.check for o in report.failures] == checks


def test_a_ranking_that_depends_on_what_else_is_asked_is_failed():
    def method(run, pis, targets):
        found = run.scores(targets, pis).value
        return -found if len(pis) == 4 else found

    claim = mi.Claim(estimand="run_score", accuracy="rank", kinds=("task", "query"))
    checks = ["rows_do_not_mix"]
    report = check_method(method, claim=claim, quick=True, checks=checks, in_process=True)
    assert "pairs are in another order" in report.failures[0].message
