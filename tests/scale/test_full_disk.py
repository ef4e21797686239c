"""A disk that is full ends a call with an error that names the file, and what was there before stays."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.scale.blocks import Blocks
from metainfl.scale.on_disk import write_tasks
from metainfl.training import Recipe, load, save, train
from tests.training.helpers import network


@contextmanager
def room(size):
    """Files may not grow beyond so many bytes: what a full disk says, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_block_of_scores(tmp_path):
    """Guards a process that a signal ends: a memory map has no other way to say that there is no room."""
    path = tmp_path / "scores.npy"
    blocks = Blocks(path, "q", (4, 1024), "float64", 1)
    blocks.add(np.ones((1, 1024)))
    with room(path.stat().st_size // 2), pytest.raises(OSError, match=r"scores\.npy") as error:
        for _ in range(3):
            blocks.add(np.ones((1, 1024)))
    assert error.value.filename == str(path)
    again = Blocks(path, "q", (4, 1024), "float64", 1)
    assert again.done == len(blocks.digests) < 4 and (np.load(path)[: again.done] == 1).all()


def test_a_run_and_its_reruns(tmp_path):
    """Guards safetensors' own error, which is no OSError: the command line took it for a fault of ours."""
    problem = network()
    run = train(problem, Recipe(rate=0.02, steps=3), progress=False)
    save(run, tmp_path / "run")
    with room(100), pytest.raises(OSError, match="run") as error:
        save(run.without(mi.task(0)), tmp_path / "run")
    assert error.value.filename == str(tmp_path / "run")
    assert torch.equal(load(tmp_path / "run", problem).lam, run.lam)
    with room(100), pytest.raises(OSError, match=r"\.safetensors") as error:
        run.replay_many([mi.task(0)], store=tmp_path / "reruns")
    assert error.value.filename is not None and list((tmp_path / "reruns").iterdir()) == []


def test_tasks(tmp_path):
    """Guards a field that numpy writes in part, and says nothing, or "7200 requested and 512 written"."""
    with room(100), pytest.raises(OSError, match=r"\.raw") as error:
        write_tasks(tmp_path / "tasks", [network().tasks])
    assert str(error.value.filename).endswith(".raw")
