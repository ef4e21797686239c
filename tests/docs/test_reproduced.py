"""The page of the papers' claims is what the committed results say, and those are what their cells say."""

import json
from dataclasses import replace

import pytest

from bench.reproduced import PAGE, RESULTS, written
from metainfl.experiments import EXPERIMENTS, reproduce
from metainfl.plain import from_json

COMMITTED = sorted(p.parent for p in RESULTS.glob("*/result.json"))


def test_the_page_is_written_from_the_results():
    """Guards numbers that were run again, and verdicts that were judged anew, beside an old page."""
    text = PAGE.read_text()
    assert written(text) == text, "python -m bench.reproduced writes it"


def test_every_experiment_has_committed_results():
    assert {f"{n}-small" for n in EXPERIMENTS} <= {p.name for p in COMMITTED}


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda p: p.name)
def test_verdicts_are_those_of_the_cells(folder, tmp_path, monkeypatch):
    """Guards a result that an edited judge would no longer give: nothing is run again."""
    name, _, size = folder.name.rpartition("-")
    monkeypatch.delenv("METAINFL_DATA", raising=False)
    kept = tmp_path / folder.name / "cells"
    kept.mkdir(parents=True)
    committed = from_json((folder / "result.json").read_text())
    for path in (folder / "cells").glob("seed-*.json"):
        cell = json.loads(path.read_text())
        cell["data"] = None  # whatever they were computed from
        (kept / path.name).write_text(json.dumps(cell))

    def never(*args):
        raise AssertionError("a committed cell is missing, or of another version")

    monkeypatch.setitem(EXPERIMENTS, name, replace(EXPERIMENTS[name], cell=never))
    found = reproduce(name, size=size, out=tmp_path, seeds=committed["seeds"])
    for ours, theirs in zip(found["claims"], committed["claims"], strict=True):
        assert ours == theirs
