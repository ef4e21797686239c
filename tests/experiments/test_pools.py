"""Paper 004's images at the paper's size: EMNIST and CIFAR-10 are read where they lie, and judged."""

import numpy as np
import pytest
import torch

from metainfl.experiments import EXPERIMENTS
from metainfl.experiments.experiment import UNTOLD
from metainfl.experiments.paper_004 import images, pools
from metainfl.experiments.paper_004.nets import conv_mixer
from tests.data import files

FEW = {"labelled": 12, "pool": 12, "valid": 6, "test": 10, "rounds": 1, "bought": 3, "steps": 2}
TINY = {**FEW, "channels": 2, "width": 4, "rate": 10, "batch": 4, "depth": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    files.write_mnist(tmp_path / "mnist", n=60)
    files.write_mnist(tmp_path / "emnist", n=60, stem="emnist-letters-train")
    for k in range(1, 6):
        x = files.colours(12, 32, seed=k).transpose(0, 3, 1, 2).reshape(12, -1)
        content = {b"data": x, b"labels": (np.arange(12) % 10).tolist()}
        files.write_pickle(tmp_path / f"cifar-10-batches-py/data_batch_{k}", content)
    for name in ("PAPER", "EMNIST", "CIFAR10"):
        monkeypatch.setattr(pools, name, TINY)
    monkeypatch.setattr(pools, "POOLS", ("balanced",))
    return tmp_path


def test_what_lies_there_is_read(folder):
    """Guards MNIST's images under EMNIST's name, and a data set that is there and is not looked at."""
    assert pools.kinds_of("paper", folder) == ("balanced", "emnist", "cifar10")
    assert pools.kinds_of("small", folder) == ("balanced",)
    found = images.cell("paper", 0, folder)
    assert found["data"] == "mnist" and found["emnist, sizes"] == {"labelled": 12, "bought": 3}
    for kind in ("emnist", "cifar10"):
        assert [len(found[kind][way]) for way in images.WAYS] == [2] * 5
    x = {k: pools.drawn(k, 0, "paper", folder)["pool"][0].shape[1:] for k in pools.MORE}
    assert x == {"emnist": (1, 28, 28), "cifar10": (3, 32, 32)}


def test_where_they_are_absent_nothing_is_told(folder):
    (folder / "emnist").rename(folder / "elsewhere")
    found = images.cell("paper", 1, folder)
    assert "cifar10" in found and "emnist" not in found
    told = images.better("emnist", "BALD")([found, found])
    assert told.holds == UNTOLD and "paper's size" in told.why
    assert "cifar10" in images.better("cifar10", "BALD")([found, found]).why
    claims = {c.place for c in EXPERIMENTS["004-images"].claims}
    assert {"Figure 4, EMNIST", "Figure 4, CIFAR-10"} <= claims


def test_the_mixer_is_that_of_its_paper():
    """ConvMixer-256/8 with kernels of 5 and patches of 2 has 0.6 million parameters."""
    net = conv_mixer(10, 0, 256, 8)
    assert sum(p.numel() for p in net.parameters()) == _count(256, 8, 5, 2)
    assert net.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def _count(h, depth, kernel, patch):
    layer = h * (kernel**2 + 1) + h * (h + 1) + 4 * h
    return 3 * patch**2 * h + h + 2 * h + depth * layer + 10 * (h + 1)
