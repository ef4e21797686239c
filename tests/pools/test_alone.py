"""A store is one process's at a time: the second is told so, a lock of a killed one is none."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from metainfl.cli import app
from metainfl.errors import InvalidOption
from metainfl.pools.alone import alone

HOLDS = """
import sys, time
from pathlib import Path
from metainfl.pools.alone import alone
with alone(Path(sys.argv[1]), "out"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_told_and_the_lock_of_a_killed_one_is_none(tmp_path: Path) -> None:
    holder = [sys.executable, "-c", HOLDS, str(tmp_path / "store")]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with (
                pytest.raises(InvalidOption, match=r"another process is at work in .*store: wait"),
                alone(tmp_path / "store", "out"),
            ):
                pass
        finally:
            other.kill()
    with alone(tmp_path / "store", "out"):
        pass


def test_what_was_raised_within_is_what_comes_out(tmp_path: Path) -> None:
    """Guards an error of tidying up, where somebody took the folder away, in the place of the first."""
    with pytest.raises(ValueError, match="within"), alone(tmp_path / "store", "out"):
        shutil.rmtree(tmp_path / "store")
        raise ValueError("within")


def test_the_lock_goes_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the lock of one that comes in between, taken away from under it."""
    seen, release = [], FileLock.release
    monkeypatch.setattr(
        FileLock,
        "release",
        lambda self, *a, **k: (seen.append(Path(self.lock_file).exists()), release(self, *a, **k)),
    )
    with alone(tmp_path / "store", "out"):
        pass
    assert seen[0] is False and not (tmp_path / "store").exists()


def test_nobodys_folder_has_no_lock() -> None:
    with alone(None, "store"):
        pass


def test_what_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InvalidOption, match=r"cannot be written to .* give store another folder"),
        alone(tmp_path / "file" / "store", "store"),
    ):
        pass


@pytest.mark.parametrize(
    ("words", "inside"),
    [
        (["reproduce", "004-one-dimension", "--seeds", "1"], "004-one-dimension-small"),
        (["bench", "neumann"], ""),
        (["attribute", "digits"], ""),
    ],
)
def test_commands_refuse_a_folder_at_work(tmp_path: Path, words: list[str], inside: str) -> None:
    with alone(tmp_path / inside, "--out"):
        done = CliRunner().invoke(app, [*words, "--out", str(tmp_path), "--no-progress"])
    assert done.exit_code == 2
    assert "another process is at work" in " ".join(done.output.split())
