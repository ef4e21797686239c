"""The conformance kit: verdicts, diagnoses, expected failures, and manners towards bad methods."""

import json
import re
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.cli import main
from metainfl.errors import InvalidMethod
from metainfl.oracle import Retraining, check_method, parametrize_with_checks, small_case
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.mutants import MUTANTS, RIGHT
from metainfl.oracle.outcome import Failed
from metainfl.oracle.runner import InProcess

exact = mi.Method("exact", "the implicit function theorem")


def judge(name, checks=None):
    specimen = {**MUTANTS, **RIGHT}[name]
    return check_method(
        specimen.method,
        claim=specimen.claim,
        quick=True,
        checks=checks,
        in_process=not specimen.apart,
    )


def test_an_exact_method_holds_the_strictest_claim():
    report = check_method(exact, quick=True)
    assert report.passed, str(report)
    assert {o.status for o in report.outcomes} == {"pass", "skip"}
    assert all(o.message for o in report.outcomes if o.status == "skip")
    assert any(m.truth == "T2" and m.error > 0.01 for m in report.measurements)


@pytest.mark.slow
def test_full_check_of_an_exact_method():
    report = check_method(exact)
    assert report.passed, str(report)


@parametrize_with_checks([exact, mi.task_if], quick=True, in_process=True)
def test_built_in_methods_as_pytest_tests(run_check):
    run_check()


DIAGNOSES = {
    "sign_flipped": "the sign flipped",
    "factor_two": "factor of 2",
    "scaled_by_tasks": "number of tasks T",
    "no_outer_regulariser": "without the outer regulariser",
    "outer_regulariser_twice": "counted twice",
    "per_batch_inverses": r"per-batch inverses \(batches of 2\)",
    "empirical_fisher": "empirical Fisher",
    "newton_removal_as_derivative": "Newton removal",
    "hidden_damping": "damping of 0.001",
    "pruned_inverse": "drops eigenvalues",
    "neumann_truncated": "series or iteration that is not done",
    "direct_ignored": "direct ignored",
    "mean_of_the_rates": "the mean of the learning rates",
    "transposed_layout": "transposed layout",
    "identity_curvature": "no inverse curvature",
    "group_mean": "mean of a group's members",
}


#: right wherever `direct` is 0 and rates are alike, as they are where the order test asks
RIGHT_ON_PLAIN_CASES = ("direct_ignored", "mean_of_the_rates")


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


MANNERS = {
    "returns_a_list": ("returns_an_array", "returned list"),
    "returns_the_transpose": ("returns_an_array", "transposed"),
    "returns_float32": ("keeps_the_dtype", "float32 out"),
    "raises": ("returns_an_array", "raised RuntimeError: CUDA error"),
    "exits": ("returns_an_array", "raised SystemExit"),
    "prints": ("is_quiet", "printed 'solving"),
    "moves_lam": ("leaves_its_inputs_alone", "changed its input: lam"),
    "normalises_inputs": ("leaves_its_inputs_alone", "query_x"),
    "empties_the_list": ("leaves_its_inputs_alone", "list of perturbations"),
    "seeds_globally": ("leaves_the_random_state_alone", "torch"),
    "draws_globally": ("leaves_the_random_state_alone", "numpy, random"),
    "noisy": ("is_reentrant", "two equal calls disagree"),
    "nan_for_a_null_row": ("null_task", "not finite"),
}


@pytest.mark.parametrize("name", MANNERS)
def test_bad_manners_get_a_clear_result(name):
    check, words = MANNERS[name]
    report = judge(name, [check])
    assert [o.check for o in report.failures] == [check]
    assert words in report.failures[0].message


def test_a_hanging_method_is_stopped():
    case = small_case("single_ridge")
    started = time.perf_counter()
    with pytest.raises(Failed, match=r"still running after 0\.2 s"):
        InProcess(MUTANTS["hangs"].method).call(case.problem(), [mi.task(0)], seconds=0.2)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("name", ["another_sign_and_scale", "finite_differences", "retraining"])
def test_declared_conventions_are_respected(name):
    report = judge(name)
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


def test_the_callers_random_state_is_left_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    check_method(
        MUTANTS["seeds_globally"].method,
        quick=True,
        checks=["agrees_with_the_truth"],
        in_process=True,
    )
    assert torch.equal(before, torch.get_rng_state())


def test_every_check_says_what_it_means():
    assert len(CHECKS) >= 30 and len(MUTANTS) >= 140 and len(RIGHT) >= 18
    assert all(c.meaning and "\n" not in c.meaning for c in CHECKS.values())
    assert all(m.defect for m in MUTANTS.values())


def test_diagnosis_of_an_unknown_error():
    """Guards a name for what has none."""

    def noisy(problem, pis):
        out = mi.influence(problem, pis).value
        noise = torch.randn(out.shape, generator=torch.Generator().manual_seed(0), dtype=out.dtype)
        return out + 0.3 * out.norm() * noise

    report = check_method(noisy, quick=True, checks=["agrees_with_the_truth"])
    assert report.diagnosis.startswith("no known variant")


FILE = """
import metainfl as mi

@mi.claims(kinds=("task",))
def wrong(problem, perturbations):
    return -mi.task_if(problem, perturbations)

right = mi.task_if
"""


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_command_line_judges_a_file(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    options = ["--quick", "--no-progress", "--families", "proximal_ridge,single_ridge"]
    saved = ["--json", str(tmp_path / "o.json"), "--html", str(tmp_path / "o.html")]
    assert run("check", f"{path}:wrong", *options, *saved) == 1
    assert "sign flipped" in capsys.readouterr().out
    assert json.loads((tmp_path / "o.json").read_text())["passed"] is False
    assert (tmp_path / "o.html").exists()
    assert run("check", f"{path}:right", *options) == 0
    assert run("check", f"{path}:wrong", *options, "--claim", "sign=-1, kinds=task+group") == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere"], "not of the form"),
        (["no.such.module:f"], "importing no.such.module"),
        (["no_such_file.py:f"], "no file"),
        (["metainfl:nothing"], "has no 'nothing'"),
        (["metainfl:Tasks.n_tasks"], "not a callable"),
        (["metainfl:task_if", "--claim", "size=3"], "cannot read 'size=3'"),
        (["metainfl:task_if", "--claim", "sign=x"], "as the sign"),
        (["metainfl:task_if", "--families", "resnet"], "there is no 'resnet'"),
        (["--families", "single_ridge"], "name it as file.py:method"),
    ],
)
def test_command_line_bad_arguments(arguments, message, capsys):
    assert run("check", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_pytest_integration(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent(
            """
            import metainfl as mi
            from metainfl.oracle import parametrize_with_checks

            @mi.claims(kinds=("task",), families=("single_ridge",))
            def minus(problem, perturbations):
                return -mi.task_if(problem, perturbations)

            @parametrize_with_checks([minus], quick=True)
            def test_claim(run_check):
                run_check()
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), "-k"]
    done = subprocess.run(
        [*command, "agrees_with_the_truth or is_quiet or ranks_removals"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "1 failed, 1 passed, 1 skipped" in done.stdout, done.stdout
    assert "sign flipped" in done.stdout
