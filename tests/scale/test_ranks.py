"""Two and three ranks give what one process gives; a rank that dies ends the rest by name."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

from metainfl.errors import InvalidOption
from metainfl.scale.ranks import ranks

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not dist.is_available(), reason="torch without torch.distributed")


def started(module, size, *arguments):
    """`size` processes, joined within five minutes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    own = [
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **shared, "RANK": str(r), "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for r in range(size)
    ]
    try:
        said = [p.communicate(timeout=300)[0] for p in own]
    finally:
        for p in own:
            p.kill()
    return [p.returncode for p in own], said


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_ranks_give_what_one_process_gives(size, tmp_path):
    """Guards a loop that is not shared, or shared twice; and ranks that differ in the last bit.

    1e-12: sums of a dozen terms in another order, through a damped solve of condition below 1e3.
    """
    codes, said = started("tests.scale.worker", size, str(tmp_path / "out"))
    assert codes == [0] * size, said
    found = [json.loads((tmp_path / f"out.{r}").read_text()) for r in range(size)]
    gaps = found[0]["gaps"]
    assert gaps.keys() == found[0]["sums"].keys()
    assert not {n: g for n, g in gaps.items() if not g <= 1e-12}
    assert all(f["sums"] == found[0]["sums"] for f in found)


@pytest.mark.slow
def test_what_is_kept_crosses_the_border():
    """Guards a product from graphs of other tasks: twice the sum, or half of it, and no error."""
    codes, said = started("tests.scale.crossing", 2)
    assert codes == [0, 0], said


@pytest.mark.slow
def test_the_clock_of_the_first_rank_decides():
    """Guards a rank that stops earlier than the others, who wait for it; time differs on any two machines."""
    codes, said = started("tests.scale.clocks", 2)
    assert codes == [0, 0], said
    assert all(text.endswith("reruns 3\ncalls\nleft True 0.0\n") for text in said), said


@pytest.mark.slow
def test_a_rank_that_dies_is_named():
    """Guards a rank that waits for ever, or ends with a bare error of the transport."""
    codes, said = started("tests.scale.leaver", 2)
    assert codes == [3, 9], said
    assert "rank 0 of 2 lost another one" in said[0]
    assert "goes on from step 20 to 40: True" in said[0]


def test_without_torchrun_it_says_what_to_start(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidOption, match="torchrun"), ranks():
        pass
    with pytest.raises(InvalidOption, match="gloo"), ranks("mpi"):
        pass


@pytest.mark.slow
def test_ranks_that_differ_are_told_so_and_go_on():
    """Guards scores of two networks in one, a process that gloo ends, and an error that one rank keeps."""
    codes, said = started("tests.scale.differing", 2)
    assert codes == [0, 0], said
    for text in said:
        assert "start: rank 1 of 2 has other meta-parameters" in text
        assert "tasks: rank 1 of 2 has other tasks" in text
        assert "place: rank 1 of 2 is at another place of the program" in text
        assert "own: " in text and "of rank 1" in text
        assert "plans: " not in text
        for way in ("vectors", "kept", "gauss_newton"):
            assert f"{way}: rank 1 of 2 has other meta-parameters, or other vectors" in text
        for way in ("seeds", "tangent", "columns", "contracted"):
            assert f"{way}: rank 1 of 2 " in text
