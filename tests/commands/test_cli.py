"""The command line as a user meets it."""

import json

import pytest

from metainfl.cli import main
from metainfl.methods import direct_if, task_if
from metainfl.oracle import small_case
from metainfl.oracle.builtin_table import judge


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.slow
def test_check_quick_writes_its_table(tmp_path, capsys):
    target = tmp_path / "rows.json"
    assert run("check", "--quick", "--no-progress", "--json", str(target)) == 0
    out = capsys.readouterr().out
    assert "digits (252 tasks)" in out and "FAILS" not in out
    assert "claims hold" in out and "Your own method" in out
    data = json.loads(target.read_text())
    assert len(data["rows"]) > 30 and data["environment"]["versions"]["torch"]
    exact = [r for r in data["rows"] if r["method"].startswith(("task-IF", "instance-IF"))]
    assert all(r["t1_error"] < 1e-9 for r in exact)
    digits = [r for r in exact if "digits" in r["family"] and r["method"] == "task-IF"]
    assert digits[0]["perturbations"] == 252 and digits[0]["t2_spearman"] > 0.99


def test_a_false_claim_exits_1(monkeypatch, capsys):
    from dataclasses import replace

    from metainfl.oracle import survey

    lie = replace(direct_if, claim=task_if.claim)
    module = __import__("sys").modules[survey.__module__]
    monkeypatch.setattr(
        module, "plan", lambda quick, methods=(): [(lie, small_case("proximal_ridge"))]
    )
    assert run("check", "--quick", "--no-progress") == 1
    assert "FAILS" in capsys.readouterr().out


def test_help_teaches(capsys):
    assert run("check", "--help") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "252 five-way tasks" in out and "Exit status" in out


@pytest.mark.parametrize(
    "command",
    [
        "attribute",
        "edit",
        "methods",
        "plan",
        "reproduce",
        "check",
        "bench",
        "advise",
        "scoreboard",
        "report-environment",
    ],
)
def test_every_command_has_help(command, capsys):
    """Guards markup that eats words in brackets, and defaults that argue with the text."""
    assert run(command, "--help") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(f"Usage: metainfl {command}") and ("[peers]" in out) == (
        command == "scoreboard"
    )


def test_version_and_environment(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("metainfl ")
    assert run("report-environment") == 0
    lines = capsys.readouterr().out.splitlines()
    facts = {line.split()[0] for line in lines}
    assert {
        "metainfl",
        "torch",
        "numpy",
        "scipy",
        "python",
        "machine",
        "processors",
        "cuda_device",
    } <= facts


def test_judge_reports_an_error_as_a_failure():
    def broken(problem, perturbations):
        from metainfl.errors import NotConverged

        raise NotConverged("gave up")

    broken.name, broken.claim, broken.solver = "broken", task_if.claim, None
    row = judge(broken, small_case("single_ridge"))
    assert row.verdict == "FAILS" and "gave up" in row.note
