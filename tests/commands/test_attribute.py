"""`metainfl attribute` and `metainfl edit`, on a file as a user writes it."""

import csv
import json
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from metainfl.cli import main
from tests.report.browser import assert_readable, needs_browser

FILE = """
import torch
import metainfl as mi
from metainfl.attribution.question import Question
from metainfl.training import Adam, Recipe, train

draw = torch.Generator().manual_seed(0)
x = torch.rand(8, 6, 36, generator=draw, dtype=torch.float64)
y = torch.eye(3, dtype=torch.float64).repeat(2, 1).expand(8, -1, -1)
every = mi.Tasks(x[:, :3], y[:, :3], x[:, 3:], y[:, 3:])
net = torch.nn.Linear(36, 3).double()
torch.nn.init.zeros_(net.weight), torch.nn.init.zeros_(net.bias)
problem = mi.Problem(net, every.select(range(6)), mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy,
                     outer_reg=0.1)
targets = every.select([6, 7])
recipe = Recipe(optimiser=Adam(), rate=0.05, steps=6, batch_size=3)
def question(): return problem, recipe, targets
def run(): return train(problem, recipe, progress=False)
def number(): return 3
def nothing(): return None
def asked(): return Question(problem, every.select([6]), recipe)
def weighing(*w, **side):
    return problem.replaced(tasks=problem.tasks.reweighted(task=torch.tensor(w).double(), **side))
def none(): return weighing(0, 0, 0, 0, 0, 0), recipe, targets
def none_ran(): return train(none()[0], recipe, progress=False), targets
def wide(): return problem, recipe, mi.Tasks(x[:, :3, :9], y[:, :3], x[:, 3:, :9], y[:, 3:])
def two(): return weighing(1, 1, 0, 0, 0, 0), recipe, targets
def blank(): return weighing(1, 1, 0, 0, 0, 0, query=torch.zeros(6, 3).double()), recipe, targets
def flat():
    z = torch.zeros(2, 3, 36, dtype=torch.float64)
    nothing = mi.Tasks(z[:, :0], y[:2, :0], z, y[:2, :3])
    out = mi.Problem(torch.nn.Linear(36, 3, bias=False).double(), nothing, mi.NoAdaptation(),
                     inner_loss=mi.cross_entropy, outer_reg=0.0)
    out.lam = torch.zeros(108, dtype=torch.float64)
    return out, targets
def flat_problem(): return flat()[0]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_from_a_file_to_the_page(here, capsys):
    assert (
        run("attribute", "mine.py:question", "--reruns", "4", "--image", "6x6", "--no-progress")
        == 0
    )
    said = capsys.readouterr().out
    assert "removed for real" in said and "attribution/index.html" in said
    out = here / "attribution"
    page = (out / "index.html").read_text()
    assert page.count("data:image/png") > 20 and "http" not in page.split("<style>")[0]
    found = json.loads((out / "attribution.json").read_text())
    rows = list(csv.DictReader((out / "tasks.csv").read_text().splitlines()))
    assert [int(r["task"]) for r in rows] == [r["task"] for r in found["tasks"]]
    scores = [float(r["score"]) for r in rows]
    assert scores == sorted(scores) and len(rows) == 6
    assert len((out / "instances.csv").read_text().splitlines()) == 37
    done = found["confirmation"]["rows"]
    assert len(done) == 4 and all(abs(r["true"]) > 0 for r in done)
    worst = found["tasks"][0]["task"]
    assert run("edit", "mine.py:question", "--remove", str(worst), "--no-progress") == 0
    edit = json.loads((here / "edited" / "edit.json").read_text())
    after, before = edit["target_losses"], edit["target_losses_before"]
    change = sum(after) / 2 - sum(before) / 2
    assert change == pytest.approx(
        done[0]["true"], rel=1e-9
    )  # the same removal, by the other command
    lam = load_file(here / "edited" / "lam.safetensors")
    assert lam["lam"].shape == (111,) and not torch.equal(lam["lam"], lam["before"])


def test_facts_where_there_is_no_picture(here, capsys):
    assert run("attribute", "mine.py:question", "--reruns", "0", "--no-progress") == 0
    page = (here / "attribution" / "index.html").read_text()
    assert "data:image" not in page and "norm" in page
    assert "Nothing was removed for real" in page


def test_another_question_in_the_same_folder_is_told(here, capsys):
    """Guards a page that is gone without a word; the same question again replaces its own."""
    options = "--reruns", "0", "--no-progress"
    for target, words in (
        ("mine.py:question", ""),
        ("mine.py:question", ""),
        (
            "mine.py:two",
            "attribution had another page, 'Attribution of mine.py:question', which is replaced",
        ),
    ):
        assert run("attribute", target, *options) == 0
        said = capsys.readouterr().out
        assert words in said and ("is replaced" in said) == bool(words)


def test_targets_take_the_place_of_a_questions_own(here, capsys):
    """Guards --targets that is dropped where the object is a whole `Question`."""
    command = "edit mine.py:asked --remove 1 --no-progress --targets mine.py:targets"
    assert run(*command.split()) == 0
    assert len(json.loads((here / "edited" / "edit.json").read_text())["target_losses"]) == 2


@needs_browser
def test_the_page_in_a_browser(here, capsys, tmp_path):
    assert (
        run("attribute", "mine.py:question", "--reruns", "3", "--image", "6x6", "--no-progress")
        == 0
    )
    assert_readable((here / "attribution" / "index.html").read_text(), tmp_path)


@pytest.mark.parametrize(
    "command, words",
    [
        ("attribute nosuch", "neither digits nor omniglot nor of the form"),
        (
            "attribute mine.py:number",
            "mine.py:number: got int, which is neither a run nor a problem",
        ),
        ("attribute mine.py:nothing", "mine.py:nothing: got NoneType, which is neither a run"),
        (
            "attribute mine.py:question --targets mine.py:nothing",
            "'mine.py:nothing' is a NoneType, not",
        ),
        ("edit mine.py:question --remove 1 --targets mine.py:nothing", "is a NoneType, not"),
        ("attribute mine.py:run", "whose loss is asked about"),
        ("attribute mine.py:problem --targets mine.py:number", "is a int, not metainfl.Tasks"),
        ("attribute mine.py:question --image 5x5", "are no picture of 5x5"),
        ("attribute mine.py:question --image small", "is no shape; write 28x28"),
        ("attribute mine.py:question --out mine.py", "cannot write results to mine.py"),
        ("attribute omniglot --data nosuch", "is no directory"),
        ("attribute mine.py:question --minutes 0", "must be a positive number, got 0"),
        ("edit mine.py:question --remove x", "cannot read 'x'; write tasks as 3,17"),
        ("edit mine.py:question --remove ,", "nothing to remove"),
        ("edit mine.py:question --remove 9", "tasks run from 0 to 5"),
        ("edit mine.py:two --remove 0,1", "without task 0, task 1: no task of weight above 0 has"),
        (
            "edit mine.py:two --remove 0,query:1.0,query:1.1,query:1.2",
            "nothing is left to train on",
        ),
        (
            "edit mine.py:two --remove 2,3",
            "task 2, task 3: weight 0 already, nothing would be removed",
        ),
        (
            "edit mine.py:blank --remove 1",
            "the training tasks: no task of weight above 0 has a query",
        ),
        ("attribute mine.py:none", "the training tasks: no task of weight above 0 has a query"),
        ("attribute mine.py:none_ran", "the training tasks: no task of weight above 0 has a query"),
        ("attribute mine.py:blank", "the training tasks: no task of weight above 0 has a query"),
        ("attribute mine.py:wide", "of target 0"),
        ("edit mine.py:wide --remove 1", "of target 0"),
        ("attribute mine.py:flat", "the Hessian is zero: every eigenvalue is 0"),
        ("advise mine.py:flat_problem", "the Hessian is zero: every eigenvalue is 0"),
        ("edit mine.py:flat --remove 0", "the Hessian turns singular there"),
    ],
)
def test_a_bad_question_is_a_sentence(command, words, here, capsys):
    assert run(*command.split(), "--no-progress") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words in said and "Traceback" not in said
    assert not {"attribution", "edited"} & {p.name for p in here.iterdir()}


ENDED = """
import os, pathlib, signal
import mine
from metainfl.training.program import Program

advance, told = Program.advance, pathlib.Path("told")

def ended(self, t, state):
    if t == 4 and not told.exists():
        told.touch()
        os.kill(os.getpid(), signal.SIGTERM)
    return advance(self, t, state)

Program.advance = ended
question = mine.question
"""


def test_sigterm_keeps_what_was_trained(here):
    """Guards training that a scheduler ends: it is kept, the status says so, and the same command goes on."""
    (here / "ended.py").write_text(ENDED)
    command = [sys.executable, "-m", "metainfl", "attribute", "ended.py:question", "--reruns", "0"]
    run = {"capture_output": True, "text": True, "timeout": 300, "cwd": here}
    first = subprocess.run([*command, "--no-progress"], **run)
    assert first.returncode == 128 + signal.SIGTERM == 143, first.stderr
    assert "interrupted: training stopped after" in first.stderr
    begun = json.loads((here / "attribution" / "run" / "run.json").read_text())["done"]
    assert begun == 4
    again = subprocess.run([*command, "--no-progress"], **run)
    assert again.returncode == 0, again.stderr
    assert json.loads((here / "attribution" / "run" / "run.json").read_text())["done"] == 6
