"""Standard output that is closed, full or not read on: a sentence or nothing, never a traceback."""

import errno
import subprocess
import sys

import pytest

from metainfl.commands.streams import streams
from metainfl.whole_file import whole_file

COMMAND = f"{sys.executable} -m metainfl"


def shell(line):
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("words", ["--help", "methods", "--version"])
def test_a_full_disk_is_a_sentence(words):
    """Guards "This is a fault of metainfl", and a buffer that only fails as Python ends."""
    done = shell(f"{COMMAND} {words} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: standard output cannot be written (no space left")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(closed):
    """Guards `sys.stdout` that is None."""
    done = shell(f"{COMMAND} methods {closed}")
    assert done.returncode == 0
    assert ("estimator" in done.stdout) == (not closed.startswith(">"))


def test_errors_of_use_without_stderr_do_not_land_on_stdout():
    done = shell(f"{COMMAND} nosuch 2>&-")
    assert done.returncode == 2 and not done.stdout


@pytest.mark.parametrize("words", ["--help", "methods"])
def test_nobody_reads_on(words):
    done = shell(f"set -o pipefail; {COMMAND} {words} | true")
    assert done.returncode in (0, 1, 141)


def test_a_file_of_results_is_not_called_standard_output(tmp_path, capsys):
    """Guards the wrong file being blamed: an error of a write does not say of what."""
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SystemExit) as caught, streams():
        raise full
    assert caught.value.code == 2
    assert "a file of results cannot be written (no space left on dev" in capsys.readouterr().err
    with pytest.raises(OSError, match=r"page\.html"), whole_file(tmp_path / "page.html"):
        raise full
