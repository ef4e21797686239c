"""Options: each has an effect on what is asked or is refused, stands once, and means something."""

import json
import shlex
import sys
from typing import get_type_hints

import pytest

from metainfl.cli import app, main
from metainfl.commands.attributed import first_step
from tests.commands.test_attribute import FILE

OWN = "mine.py:question"
IDLE = {
    "a seed of the built-in methods": ("check --seed 3", "--seed: no effect on the built-in methods"),
    "a page of them": ("check --html x.html", "--html: no effect on the built-in methods"),
    "a claim of nobody": ("check --claim scale=2", "--claim: no effect on the built-in methods"),
    "families of the oracle": ("check --self --families x", "--families: no effect on --self"),
    "quick beside its seeds": ("check --self --quick --seeds 2", "--quick: no effect on --self where"),
    "targets of the digits": (f"attribute digits --targets {OWN}", "--targets: no effect on the built-in"),
    "targets of an edit": (f"edit digits --remove 1 --targets {OWN}", "--targets: no effect on the built-in"),
    "data of the digits": ("attribute digits --data .", "--data: no effect on digits"),
    "data of one's own": (f"attribute {OWN} --data .", "--data: no effect on a question of your own"),
    "data of one's own edit": (f"edit {OWN} --remove 1 --data .", "--data: no effect on a question of"),
    "data of a plan": ("plan digits --data .", "--data: no effect on digits"),
    "a picture of 4 channels": ("attribute digits --image 4x4x4", "4x4x4 is no picture: CxHxW has one"),
    "a picture of lines": ("attribute digits --image 1x1x64", "1x1x64 is no picture"),
    "minutes of no removals": ("attribute digits --reruns 0 --minutes 2", "--minutes: no effect on"),
    "jobs of no removals": ("attribute digits --reruns 0 --jobs 2", "--jobs: no effect on this"),
    "a cluster of one": ("attribute digits --backend dask", "--backend: no effect on one job"),
    "a cluster of one seed": ("reproduce 001-table1 --backend dask", "--backend: no effect on one job"),
    "a size of a list": ("reproduce --size paper", "--size: no effect on the list of experiments"),
    "seeds of a list": ("reproduce --seeds 3", "--seeds: no effect on the list of experiments"),
    "quick and compare": ("bench compare a b --quick", "--quick: no effect on compare"),
    "a folder of a list": ("bench --list --out x", "--out: no effect on a list of questions"),
    "an error of a run": ("advise mine.py:run --error 0.1", "--error: no effect on a training run"),
    "an empty folder": ("attribute digits --out=", "--out: is empty; give it a value"),
    "an empty claim": ("check mine.py:number --claim=", "--claim: is empty"),
    "a seed twice": ("check mine.py:number --seed 1 --seed 2", "--seed: given twice"),
    "progress twice": ("check --progress --no-progress", "--progress: given twice"),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # another test's, imported by a file
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.parametrize("command, words", IDLE.values(), ids=IDLE)
def test_what_has_no_effect_is_refused(command, words, here, capsys):
    """Guards an answer to another question than the one that was asked."""
    assert run(*command.split()) == 2
    shown = capsys.readouterr()
    said = " ".join(shown.err.split())
    assert words in said and "Traceback" not in said and not shown.out
    assert not {"attribution", "edited", "ledger", "reproduced"} & {p.name for p in here.iterdir()}


NEEDS = {"edit": ["digits", "--remove", "1"], "advise": ["digits"], "bench": ["sizes"]}
NUMBERS = [
    (command.name or command.callback.__name__, f"--{name}", value)
    for command in app.registered_commands
    for name, kind in get_type_hints(command.callback).items()
    if kind in (int, float, int | None)
    for value in ("nan", "inf", "-1", f"1{'0' * 400}")
]


@pytest.mark.parametrize("name, option, value", NUMBERS)
def test_numbers_that_mean_nothing_are_refused(name, option, value, here, capsys):
    """Guards `int(inf)`, memory for 10^400 seeds, and predictions that are nan."""
    assert len(NUMBERS) > 40
    assert run(name, *NEEDS.get(name, []), option, value) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert option in said and "Traceback" not in said


def test_what_is_recommended_where_scores_are_doubted_exists(here):
    """Guards `advise` with options that it does not have, and of questions that it does not know."""
    command = first_step(OWN, " --targets mine.py:every", "1", True)[1]
    assert run(*shlex.split(command)[1:], "--no-progress") == 0
    built_in = shlex.split(first_step("digits", "", "1", True)[1])
    assert built_in == ["metainfl", "attribute", "digits", "--reruns", "20"]


def test_the_next_command_repeats_the_request(here, capsys):
    """Guards a page whose command asks about other targets than the page does."""
    (here / "my targets.py").write_text("from mine import every\nnew = every.select([7])\n")
    given = ["--targets", "my targets.py:new"]
    assert run("attribute", OWN, *given, "--reruns", "0", "--no-progress") == 0
    page = (here / "attribution" / "index.html").read_text()
    line = next(w for w in page.split("<pre>") if w.startswith("metainfl edit")).split("</pre>")[0]
    words = shlex.split(line.replace("&#x27;", "'"))
    assert words[:5] == ["metainfl", "edit", OWN, *given] and words[5] == "--remove"
    assert run(*words[1:], "--no-progress") == 0
    found = json.loads((here / "attribution" / "attribution.json").read_text())
    edit = json.loads((here / "edited" / "edit.json").read_text())
    assert edit["target_losses_before"] == pytest.approx(found["target_losses"], rel=1e-12)
