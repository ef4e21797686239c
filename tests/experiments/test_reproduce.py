"""Experiments: cells are kept, verdicts follow from cells, and each real one runs through."""

import dis
import json
from dataclasses import replace
from functools import partial

import pytest

from metainfl.cli import main
from metainfl.data.locate import folders
from metainfl.data.looked import remembered
from metainfl.errors import InvalidOption, MissingData, SetAside
from metainfl.experiments import (
    EXPERIMENTS,
    Claim,
    Experiment,
    Verdict,
    named,
    reproduce,
    reproduced,
)
from metainfl.experiments.experiment import Table
from metainfl.experiments.results import results
from metainfl.metrics.intervals import interval
from metainfl.report.reproduce_page import page
from tests.experiments.shrunk import shrunk
from tests.report.browser import assert_readable, needs_browser

DONE = []


def toy_cell(size, seed, data):
    DONE.append(seed)
    if seed == 3 and DONE.count(3) == 1:
        raise KeyboardInterrupt
    return {"x": 1.0 + 0.01 * seed}


def judge(cells):
    got = interval([c["x"] for c in cells])
    return Verdict("holds" if got.low > 0 else "does not hold", str(got), "because")


TOY = Experiment(
    "toy", "000", "nowhere", "A toy.", toy_cell,
    (Claim("line 1", "x is positive", "1.0", judge, "nothing"),),
    lambda cells: [Table("t", "x", [{"mean": str(interval([c["x"] for c in cells]))}])],
    lambda axes, cells: axes.plot([c["x"] for c in cells]),
)  # fmt: skip


@pytest.fixture
def toy(monkeypatch):
    DONE.clear()
    monkeypatch.setitem(EXPERIMENTS, "toy", TOY)


def test_killed_it_goes_on(toy, tmp_path):
    """Guards seeds that are done twice, and an interruption that loses them."""
    with pytest.raises(KeyboardInterrupt):
        reproduce("toy", out=tmp_path)
    assert DONE == [0, 1, 2, 3] and not results(tmp_path)
    (tmp_path / "toy-small" / "cells" / "seed-1.json").write_text('{"version": 1, "ce')  # cut short
    found = reproduce("toy", out=tmp_path)
    assert DONE == [0, 1, 2, 3, 1, 3, 4] and found["claims"][0]["holds"] == "holds"
    again = reproduce("toy", out=tmp_path)
    assert len(DONE) == 7 and again["claims"] == found["claims"]


def test_several_share_their_seeds(toy, tmp_path, monkeypatch):
    """Guards a result that waits for other experiments, and seeds of several that are done twice."""
    order, other = (
        [],
        replace(TOY, name="other", cell=lambda *_: order.append("cell") or {"x": 1.0}),
    )
    monkeypatch.setitem(EXPERIMENTS, "other", other)
    reproduce("toy", out=tmp_path, seeds=3)
    told = []
    for found in reproduced(
        ["other", "toy"], out=tmp_path, tell=lambda *at: told.append(at), seeds=3
    ):
        order.append(found["name"])
    assert order == ["toy", "cell", "cell", "cell", "other"] and DONE == [0, 1, 2]
    assert told[0] == (3, 6, "other, seed 0") and told[-1] == (6, 6, "done")
    assert {r["name"] for r in results(tmp_path)} == {"toy", "other"}


def test_several_that_are_interrupted_lose_nothing(toy, tmp_path, monkeypatch):
    """Guards cells of one experiment that are done again since another was stopped; and one given twice."""
    other, order = replace(TOY, name="other", cell=lambda *_: order.append(1) or {"x": 1.0}), []
    monkeypatch.setitem(EXPERIMENTS, "other", other)
    with pytest.raises(KeyboardInterrupt):
        list(reproduced(["other", "toy"], out=tmp_path))
    assert len(list(reproduced(["other", "toy"], out=tmp_path))) == 2
    assert len(order) == 5 and DONE == [0, 1, 2, 3, 3, 4]
    with pytest.raises(InvalidOption, match="'toy' is given twice"):
        list(reproduced(["toy", "toy"], out=tmp_path))


def test_a_paper_stands_for_its_experiments(toy):
    assert named(["bae-gaps", "000"]) == ["bae-gaps", "toy"] and named(["all"]) == list(EXPERIMENTS)
    assert named(["001"]) == [n for n in EXPERIMENTS if n.startswith("001")]


def test_cells_of_another_version_are_not_used(toy, tmp_path, monkeypatch):
    reproduce("toy", out=tmp_path, seeds=3)
    monkeypatch.setitem(EXPERIMENTS, "toy", replace(TOY, version=2))
    reproduce("toy", out=tmp_path, seeds=3)
    assert DONE == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("seeds", [2, 4])
def test_less_than_five_seeds_decide_nothing(toy, tmp_path, seeds):
    DONE.append(3)  # the toy's interruption is over
    found = reproduce("toy", out=tmp_path, seeds=seeds)["claims"][0]
    assert (
        found["holds"] == "cannot be told here" and f"{seeds} seeds say too little" in found["why"]
    )


def test_the_page_has_claims_numbers_and_figures(toy, tmp_path):
    reproduce("toy", out=tmp_path, seeds=3)
    text = page(results(tmp_path), tmp_path, {})
    assert "x is positive" in text and "Paper: 1.0" in text and "<svg" in text
    assert "1.01 +- 0.025 (3 seeds)" in text


def test_figures_by_name_are_drawn_and_shown(toy, tmp_path, monkeypatch):
    """Guards a picture of the paper that is drawn, and that the page leaves out."""
    named = {"3": lambda axes, cells: axes.set_xlabel("of the third")}
    monkeypatch.setitem(EXPERIMENTS, "toy", replace(TOY, figures=named))
    reproduce("toy", out=tmp_path, seeds=3)
    text = page(results(tmp_path), tmp_path, {})
    assert (tmp_path / "toy-small" / "figure-3.png").exists()
    assert text.count("<figure") == 2 and "of the third" in text and "A toy. 3" in text
    assert text.index("A toy.'") < text.index("A toy. 3'")


@needs_browser
def test_the_page_in_a_browser(toy, tmp_path):
    reproduce("toy", out=tmp_path, seeds=3)
    assert_readable(page(results(tmp_path), tmp_path, {}), tmp_path)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": "huge"}, "there is no size 'huge'"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
    ],
)
def test_options_are_told(toy, tmp_path, options, words):
    with pytest.raises(InvalidOption, match=words):
        reproduce("toy", out=tmp_path, **options)


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_the_command(toy, tmp_path, capsys):
    assert run("reproduce") == 0
    assert "001-table1" in capsys.readouterr().out
    DONE.append(3)  # the toy's interruption is over
    assert run("reproduce", "toy", "--out", str(tmp_path), "--no-progress") == 0
    assert "holds" in capsys.readouterr().out and (tmp_path / "index.html").exists()
    assert run("reproduce", "nosuch", "--out", str(tmp_path / "x")) == 2
    assert "there are 001-table1" in capsys.readouterr().err and not (tmp_path / "x").exists()
    asked = ["--size", "small", "--data", str(tmp_path), "--out", str(tmp_path), "--no-progress"]
    assert run("reproduce", "toy", *asked) == 0
    assert "--data is not read" in capsys.readouterr().err
    assert run("reproduce", "toy", "--size", "big") == 2
    assert run("reproduce", "toy", "--out", "/proc/x") == 2


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_size_is_another_question(name, tmp_path):
    """Guards a "paper" that is the small one over again: every size there is reads what it is given."""
    experiment = EXPERIMENTS[name]
    read = {
        i.argval for i in dis.get_instructions(experiment.cell) if i.opname.startswith("LOAD_FAST")
    }
    if experiment.sizes == ("small",):
        assert not {"size", "data"} & {
            n for names in read for n in (names if isinstance(names, tuple) else [names])
        }
        with pytest.raises(InvalidOption, match=f"{name} has no size 'paper', only small"):
            reproduce(name, size="paper", out=tmp_path / "out")
        assert not (tmp_path / "out").exists() and set(experiment.seeds or ()) <= {"small"}
    else:
        assert experiment.sizes[0] == "small" and experiment.sizes[-1] == "paper"
        if name == "004-trimming":  # its points are drawn at any size
            return
        with pytest.raises(MissingData):  # real data are read, and before anything is computed
            experiment.cell("paper", 0, tmp_path)


def test_all_says_what_it_leaves_out(toy, tmp_path, monkeypatch, capsys):
    from dataclasses import replace

    for name in list(EXPERIMENTS):
        monkeypatch.delitem(EXPERIMENTS, name)
    monkeypatch.setitem(EXPERIMENTS, "toy", TOY)
    monkeypatch.setitem(EXPERIMENTS, "one", replace(TOY, name="one", sizes=("small",)))
    options = ["--out", str(tmp_path), "--seeds", "3", "--no-progress", "--size", "paper"]
    assert run("reproduce", "all", *options) == 0
    assert "without a size paper, and left out: one" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "toy-paper"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_each_runs_through(name, tmp_path, monkeypatch):
    """On fewer tasks and steps than any size: every claim is judged, every table and figure drawn."""
    experiment = shrunk(name, monkeypatch)
    found = reproduce(name, out=tmp_path, seeds=2)
    assert len(found["claims"]) == len(experiment.claims) and all(
        t["rows"] for t in found["tables"]
    )
    drawn = {p.stem for p in (tmp_path / f"{name}-small").glob("*.svg")}
    assert drawn == {"figure", *(f"figure-{n}" for n in experiment.figures)}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("text", ['{"name": "toy", "cla', "[]", '{"name": "x"}', ""])
def test_a_cut_result_is_set_aside(toy, tmp_path, text):
    """Guards a file that a kill cut, which ends every later command of its folder."""
    other = tmp_path / "001-table1-small" / "result.json"
    mine = tmp_path / "my_run" / "result.json"  # somebody else's
    for path in (other, mine):
        path.parent.mkdir()
        path.write_text(text)
    with pytest.raises(KeyboardInterrupt):
        reproduce("toy", out=tmp_path)
    reproduce("toy", out=tmp_path)
    with pytest.warns(
        SetAside, match=r"001-table1-small/result.json cannot be read.*reproduce 001-table1"
    ):
        found = results(tmp_path)
    assert [r["name"] for r in found] == ["toy"] and not other.exists()
    assert (other.parent / "result.json.aside").read_text() == text and mine.read_text() == text
    assert len(results(tmp_path)) == 1


def test_a_cell_that_is_no_object_is_done_again(toy, tmp_path):
    reproduce_ = lambda: reproduce("toy", out=tmp_path, seeds=2)  # noqa: E731
    reproduce_()
    for text in ("[1]", '{"version": 1}', "null"):
        (tmp_path / "toy-small" / "cells" / "seed-1.json").write_text(text)
        reproduce_()
    assert DONE == [0, 1, 1, 1, 1]


def test_cells_of_other_data_are_not_used(tmp_path, monkeypatch):
    """Guards verdicts of one data set under the name of another; the folder may move."""

    @remembered  # as a reader is, for every seed after the first
    def read(data):
        return len((folders(data, ["set"], "a set")[0] / "file").read_text())

    def cell(size, seed, data):
        DONE.append(seed)
        return {"x": 1.0 + seed if size == "small" else 1.0 + read(data)}

    DONE.clear()
    monkeypatch.setitem(EXPERIMENTS, "toy", replace(TOY, cell=cell))
    monkeypatch.delenv("METAINFL_DATA", raising=False)
    for name, text in (("a", "one"), ("b", "other"), ("c", "one")):
        (tmp_path / name / "set").mkdir(parents=True)
        (tmp_path / name / "set" / "file").write_text(text)
    ask = partial(reproduce, "toy", out=tmp_path / "out", seeds=2)
    first = ask(size="paper", data=tmp_path / "a")
    assert DONE == [0, 1]
    other = ask(size="paper", data=tmp_path / "b")
    assert DONE == [0, 1, 0, 1] and other["claims"] != first["claims"]
    assert ask(size="paper", data=tmp_path / "b")["claims"] == other["claims"] and len(DONE) == 4
    (tmp_path / "b" / "another set").mkdir()  # beside it: nothing of this experiment's
    (tmp_path / "b" / "another set" / "file").write_text("")
    ask(size="paper", data=tmp_path / "b")
    assert len(DONE) == 4
    assert ask(size="paper", data=tmp_path / "c")["claims"] == first["claims"]
    assert len(DONE) == 6  # other content again
    monkeypatch.setenv("METAINFL_DATA", str(tmp_path / "a"))
    assert ask(size="paper")["claims"] == first["claims"] and len(DONE) == 6
    ask(size="small")
    ask(size="small", data=tmp_path / "b")
    assert len(DONE) == 8  # no data were read


def test_cells_that_do_not_say_what_they_read(toy, tmp_path):
    """Guards small cells of an earlier release that are done again: they read no data; others may have."""
    DONE.append(3)  # the toy's interruption is over
    for size, times in (("small", 0), ("paper", 2)):
        cells = tmp_path / f"toy-{size}" / "cells"
        cells.mkdir(parents=True)
        for seed in range(2):
            (cells / f"seed-{seed}.json").write_text('{"version": 1, "cell": {"x": 1.0}}')
        before = len(DONE)
        reproduce("toy", size=size, out=tmp_path, seeds=2, data=tmp_path)
        assert len(DONE) - before == times
