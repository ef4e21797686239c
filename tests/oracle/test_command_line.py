"""The command line and pytest judge a method in a file."""

import json
import subprocess
import sys
import textwrap

import pytest

from metainfl.cli import main

FILE = """
import metainfl as mi

@mi.claims(kinds=("task",))
def wrong(problem, perturbations):
    return -mi.task_if(problem, perturbations)
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
