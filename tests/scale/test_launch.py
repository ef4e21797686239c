"""What a rank other than the first does with the places that a command writes to."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import get_type_hints

import pytest
import typer

from metainfl.cli import app, in_full
from metainfl.scale import launch
from metainfl.scale.launch import elsewhere, started_by_torchrun


def test_only_the_first_rank_writes_where_it_was_told(tmp_path):
    """Guards two ranks that write one file, and a store that goes on in one rank only."""
    store, own = tmp_path / "ledger", tmp_path / "own"
    given = ["bench", "--out", str(store), "--html=report.html", "--quick"]
    found, places = elsewhere(given, own)
    assert found[0] == "bench" and found[-1] == "--quick" and str(tmp_path / "ledger") not in found
    assert places == {store: own / "1-ledger", Path("report.html"): own / "3-report.html"}
    assert found[3] == f"--html={own / '3-report.html'}"
    assert elsewhere(["bench", "--out"], own) == (["bench", "--out"], {})


def test_alone_unless_torchrun_started_several(monkeypatch):
    """Guards a WORLD_SIZE that some cluster's own environment sets."""
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not started_by_torchrun()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert started_by_torchrun()


@pytest.mark.parametrize(("status", "told"), [(2, True), (0, False), (1, False), (143, False)])
def test_what_stops_another_rank_is_said(status, told, monkeypatch, capfd):
    """Guards a user's file that fails on one machine only: nothing but torchrun's own words was said."""

    class Second:
        rank, size = 1, 2

    @contextmanager
    def joined():
        yield Second()

    def command(arguments):
        print("a table")
        print("Error: no such disk", file=sys.stderr)
        raise SystemExit(status)

    monkeypatch.delenv("METAINFL_EVERY_RANK_SPEAKS", raising=False)
    monkeypatch.setattr("metainfl.scale.ranks.ranks", joined)
    monkeypatch.setattr("metainfl.scale.sent.sent", lambda share, places: None)
    with pytest.raises(SystemExit) as ended:
        launch.shared(command, ["plan"])
    out, error = capfd.readouterr()
    assert ended.value.code == status and not out
    assert (error == "rank 1 of 2: Error: no such disk\n") == told and bool(error) == told


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("bench", "ledger"),
        ("attribute", "attribution"),
        ("reproduce", "reproduced"),
        ("edit", "edited"),
    ],
)
def test_a_place_that_is_not_named_is_moved_too(given, folder, tmp_path):
    """Guards a second rank that writes into the folder which the command takes by default."""
    words = in_full([given, "x", "--no-progress"])
    assert words == [given, "--out", folder, "x", "--no-progress"]
    found, _ = elsewhere(words, tmp_path)
    assert found[2] == str(tmp_path / f"1-{folder}") and found[3:] == words[3:]
    for named in (["--out", "own"], ["--out=own"]):
        assert in_full([given, *named]) == [given, *named]
    assert in_full(["--version"]) == ["--version"] and in_full([]) == []


def test_every_place_to_write_to_is_known():
    """Guards a new option that writes and is not moved: all that take a path, but for what is read."""
    read, seen = {"--data"}, []
    commands = typer.main.get_command(app).commands.values()
    for own, command in zip(app.registered_commands, commands, strict=True):
        hints = get_type_hints(own.callback)
        for option in command.params:
            if hints.get(option.name) in (Path, Path | None):
                seen += option.opts
                assert set(option.opts) & {*launch.WRITES, *read}, (command.name, option.opts)
    assert {"--out", "--json", "--html", "--data"} <= set(seen)
