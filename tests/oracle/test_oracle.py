"""The conformance kit: verdicts, conventions, expected failures and reports."""

import json

import numpy as np
import pytest

import metainfl as mi
from metainfl.errors import InvalidMethod
from metainfl.oracle import Retraining, check_method, parametrize_with_checks
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.mutants import MUTANTS, RIGHT
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.outcome import Failed
from tests.oracle.judged import judge

exact = mi.Method("exact", "the implicit function theorem")


def test_an_exact_method_holds_the_strictest_claim():
    report = check_method(exact, quick=True)
    assert report.passed, str(report)
    assert {o.status for o in report.outcomes} == {"pass", "skip"}
    assert all(o.message for o in report.outcomes if o.status == "skip")
    assert any(m.truth == "T2" and m.error > 0.01 for m in report.measurements)


def test_what_wrong_methods_start_from_is_right():
    """Guards a kill of everything that is built on a base which is wrong itself."""
    report = check_method(truth, claim=mi.Claim(), quick=True, in_process=True)
    assert report.passed, str(report)


@pytest.mark.slow
def test_full_check_of_an_exact_method():
    report = check_method(exact, families=["proximal_ridge", "maml_softmax", "prototypes"])
    assert report.passed, str(report)


@parametrize_with_checks([mi.task_if], quick=True, in_process=True)
def test_built_in_methods_as_pytest_tests(run_check):
    run_check()


@pytest.mark.parametrize("name", ["another_sign_and_scale", "finite_differences", "retraining"])
def test_declared_conventions_are_respected(name):
    report = judge(name, families=("proximal_ridge", "maml_softmax"))
    assert report.passed, str(report)


def test_rank_claims_need_confidence():
    checks = ["ranks_removals", "agrees_with_the_truth"]
    assert judge("ranks_by_influence", checks).passed
    report = judge("random_ranking", checks)
    assert "lower confidence limit" in report.failures[0].message
    assert report.outcomes[1].status == "skip"  # no statement about values


def test_expected_failures_are_strict():
    method, checks = MUTANTS["sign_flipped"].method, ["agrees_with_the_truth", "is_quiet"]
    report = check_method(
        method,
        quick=True,
        checks=checks,
        in_process=True,
        expected_failures={"agrees_with_the_truth": "known: minus"},
    )
    assert report.passed and [o.status for o in report.outcomes] == ["xfail", "pass"]
    stale = check_method(
        exact, quick=True, checks=checks, in_process=True, expected_failures={"is_quiet": "noisy"}
    )
    assert not stale.passed and "remove the entry" in stale.failures[0].message
    with pytest.raises(mi.InvalidProblem, match="unknown check"):
        check_method(exact, expected_failures={"quiet": "typo"})
    with pytest.raises(mi.InvalidProblem, match="needs a reason"):
        check_method(exact, expected_failures={"is_quiet": " "})
    with pytest.raises(InvalidMethod, match="callable"):
        check_method(3)
    with pytest.raises(mi.InvalidProblem, match="the claim names families"):
        check_method(exact, families=["resnet"])


def test_report_as_text_json_and_html(tmp_path):
    report = judge("sign_flipped", ["agrees_with_the_truth", "is_quiet", "ranks_removals"])
    text = str(report)
    assert "sign flipped" in text and "median ratio of answer to truth -1" in text
    data = json.loads(report.to_json(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == data
    assert data["passed"] is False and data["outcomes"][0]["ratio"] == pytest.approx(-1)
    assert data["outcomes"][1]["error"] is None
    page = report.to_html(tmp_path / "r.html")
    assert page.startswith("<!doctype html>") and "http" not in page.split("</head>")[0]
    assert "sign flipped" in page and (tmp_path / "r.html").read_text() == page


def test_three_truths_stay_apart():
    rng = np.random.default_rng(0)
    effect = rng.standard_normal(12)
    runs = effect + 0.5 * rng.standard_normal((6, 12))
    t3 = Retraining(runs, effect, "six seeds")
    report = check_method(exact, quick=True, checks=["is_quiet"], in_process=True, retraining=t3)
    m = next(m for m in report.measurements if m.truth == "T3")
    assert report.passed and m.spearman > 0.8 and 0 < m.noise_floor <= 1
    bad = check_method(
        exact,
        quick=True,
        checks=["is_quiet"],
        in_process=True,
        retraining=Retraining(runs, -effect),
    )
    assert bad.passed  # usefulness never decides
    with pytest.raises(Failed, match="at least 2 seeds"):
        Retraining(effect, effect).measure()


def test_every_check_says_what_it_means():
    assert len(CHECKS) >= 30 and len(MUTANTS) >= 140 and len(RIGHT) >= 18
    assert all(c.meaning and "\n" not in c.meaning for c in CHECKS.values())
    assert all(m.defect for m in MUTANTS.values())
