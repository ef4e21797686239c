"""How far a command is: on a terminal, in a pipe, and after Ctrl-C."""

import json
import sys
import time

import pytest

from metainfl.cli import main
from metainfl.commands import progress
from metainfl.commands.progress import Watch, bar
from metainfl.errors import Interrupted
from metainfl.ledger import store
from metainfl.oracle import builtin_table


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_a_share_is_of_the_cost():
    """Guards a bar that stands at 90% for most of the time: rows are of unequal length."""
    watch = Watch("rows", "judged", costs=[1.0, 1.0, 8.0])
    watch(2, 3, "the long one")
    assert watch.share == pytest.approx(0.2)
    assert watch.line().startswith("2 of 3 rows, 20% of the work, 0 s: the long one")
    watch.started -= 10
    assert watch.line() == "2 of 3 rows, 20% of the work, 10 s, about 40 s left: the long one"
    watch(2, 4, "costs that are about other work count for nothing")
    assert watch.share == 0.5 and "%" not in watch.line()


def test_lines_where_there_is_no_terminal(monkeypatch, capsys):
    """Guards minutes of silence in a log, also while a single step takes long."""
    monkeypatch.setattr(progress, "EVERY", 0.02)
    with bar(True, "rows", "judged", [1.0, 1.0, 1.0]) as show:
        show(1, 3, "a long step")
        deadline = time.monotonic() + 10
        said = ""
        while said.count("1 of 3 rows") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert said.count("1 of 3 rows, 33% of the work") >= 2
    with bar(False) as show:
        show(1, 3, "x")
        time.sleep(0.06)
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    """Guards names with brackets, which markup would swallow."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with bar(True, "rows", "judged", [1.0, 3.0]) as show:
        show(1, 2, "libraries [peers]")
        assert show.share == 0.25


def test_interruption_says_what_is_left():
    with pytest.raises(KeyboardInterrupt, match="1 of 3 rows judged; the other 2 were not"), \
         bar(False, "rows", "judged") as show:  # fmt: skip
        show(1, 3, "x")
        raise KeyboardInterrupt


def test_an_interruption_that_knows_more_is_heard():
    """Guards words about what is kept, and a result that the command shows, which the bar drops."""
    with pytest.raises(KeyboardInterrupt, match="kept in there"), bar(False):
        raise KeyboardInterrupt("kept in there")
    with pytest.raises(Interrupted, match="nothing was finished yet") as caught, bar(False):
        raise Interrupted("stopped", [1])
    assert caught.value.result == [1]


def test_interrupted_check_of_the_built_in(monkeypatch, capsys, tmp_path):
    """Guards "13 of 13 claims hold" where 30 rows were not judged."""
    judge, rows = builtin_table.judge, []

    def judged(*arguments, **options):
        if len(rows) == 3:
            raise KeyboardInterrupt
        rows.append(judge(*arguments, **options))
        return rows[-1]

    monkeypatch.setattr(builtin_table, "judge", judged)
    out = tmp_path / "rows.json"
    assert run("check", "--quick", "--json", str(out)) == 130
    shown = capsys.readouterr()
    total = len(builtin_table.plan(True))
    assert "3 of 3 claims hold so far; the other rows were not judged." in shown.out
    assert f"interrupted: 3 of {total} rows judged; the other {total - 3} were not" in shown.err
    data = json.loads(out.read_text())
    assert len(data["rows"]) == 3 and data["complete"] is False


def test_a_method_that_raises_an_interrupt_is_judged(tmp_path, capsys):
    """In its own process a method's KeyboardInterrupt is its own fault, not the user's Ctrl-C."""
    file = tmp_path / "stops.py"
    file.write_text("def method(problem, perturbations):\n    raise KeyboardInterrupt\n")
    assert run("check", f"{file}:method", "--quick") == 1
    assert "KeyboardInterrupt" in capsys.readouterr().out


def test_interrupted_advice_and_ledger(monkeypatch, tmp_path, capsys):
    """Every command tells how far it came."""
    from metainfl.advice import advise

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[advise.__module__], "derivative_errors", stop)
    assert run("advise", "digits") == 130
    assert "interrupted: 3 of 4 stages finished; the other one was not" in capsys.readouterr().err
    monkeypatch.setattr(store.Store, "add", stop)
    assert run("bench", "sizes", "--quick", "--out", str(tmp_path)) == 130
    shown = capsys.readouterr()
    assert "cells computed; the other" in shown.err and "0 of" in shown.out
    assert "not computed yet" in (tmp_path / "report.html").read_text()


def test_costs_fit_their_rows():
    """Guards a list of costs that no longer belongs to the plan."""
    for quick in (True, False):
        assert len(builtin_table.costs(quick)) == len(builtin_table.plan(quick))
    full = builtin_table.costs(False)
    assert max(full) > 50 * min(full) > 0


def test_a_question_that_trains_is_waited_for_aloud(tmp_path, monkeypatch, capsys):
    """Guards half a minute of silence while a user's own function trains."""
    from metainfl.commands import progress
    from metainfl.commands.asking import made

    monkeypatch.setattr(progress, "EVERY", 0.02)
    file = tmp_path / "mine.py"
    file.write_text("import time\ndef question():\n    time.sleep(0.2)\n    return (1, 2)\n")
    assert made(f"{file}:question", (tuple,)) == (1, 2)
    assert f"calling {file}:question, 0 s" in capsys.readouterr().err
    assert made(f"{file}:question", (tuple,), False) == (1, 2)
    assert not capsys.readouterr().err
