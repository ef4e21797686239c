"""Paper 004's images at the paper's size: EMNIST and CIFAR-10 are read where they lie, and judged."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.experiments import EXPERIMENTS
from metainfl.experiments.experiment import UNTOLD
from metainfl.experiments.paper_004 import images, pools, unsure
from metainfl.experiments.paper_004.buying import better, values
from metainfl.experiments.paper_004.nets import conv_mixer, trained_with
from metainfl.experiments.paper_004.single_level import single
from metainfl.methods.game import knn_shapley
from metainfl.problem.model import Linear
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
    assert len(found["balanced"]["Shapley"]) == 2 and "Shapley" not in found["emnist"]
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


def test_what_is_bought_first_is_looked_at(folder):
    """Guards sureness of other inputs than those that are bought, and pictures of others."""
    trained, parts = trained_with(TINY, 0), pools.drawn("balanced", 0, "paper", folder)
    found = unsure.first_bought(parts, trained, ("FI", "margin", "random"), bought=3, seed=0)
    problem, read = trained(*parts["labelled"])
    chance = problem.setting.model(problem.lam, read(parts["pool"][0])).softmax(1)
    first, second = chance.topk(2).values.T
    closest = (first - second).argsort()[:3]
    assert found["sure"]["margin"] == pytest.approx(float(first[closest].mean()))
    assert found["sure"]["pool"] == pytest.approx(float(first.mean()))
    images_of, whole = (
        [torch.tensor(one["image"]) for one in found["shown"]],
        parts["pool"][0][:, 0],
    )
    for image, one in zip(images_of, found["shown"], strict=True):
        j = int((whole - image).abs().amax((1, 2)).argmin())
        assert torch.allclose(chance[j], torch.tensor(one["chances"]).double(), atol=1e-3)
    assert len(images_of) == 3 < unsure.SHOWN


@pytest.mark.parametrize("sure, word", [(0.4, "holds"), (0.9, "does not hold")])
def test_unsure_is_judged_against_the_pool(sure, word):
    cells = [
        {"first": {"sure": {"pool": 0.7 + 0.01 * s, "FI": sure, "BALD": 0.5}}} for s in range(5)
    ]
    told = unsure.unsure(cells)
    assert told.holds == word and "BALD 0.5" in told.why
    assert unsure.unsure([{}] * 5).holds == UNTOLD


def test_a_lead_over_bald_says_whose_bald_it_is_and_what_it_does():
    """Guards a lead over a baseline that is worse than chance, which goes unsaid."""
    cells = [{"FI": [0.5, 0.8], "BALD": [0.5, 0.6], "random": [0.5, 0.7]}] * 5
    told = better("BALD")(cells)
    assert told.holds == "holds" and "Laplace's posterior" in told.why and "-0.1 +- " in told.why
    assert "Laplace" not in better("random")(cells).why
    assert (
        "-0.1 +- "
        in images.better("balanced", "BALD")([{"data": "d", "balanced": cells[0]}] * 5).why
    )


def test_a_shapley_value_is_of_predicted_labels_beside_what_is_labelled():
    """Guards labels of the pool that are read, and a game in which what is labelled does not play."""
    x = torch.tensor([[-2.0, 1], [-1.0, 1], [1.0, 1], [2.0, 1]]).double()
    y = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]).double()
    problem = mi.Problem(Linear(2, 2), single(x, y), mi.NoAdaptation(), inner_loss=mi.cross_entropy,
                         outer_reg=0.1)  # fmt: skip
    problem.solve(x.new_zeros(4), progress=False)
    pool = torch.tensor([[-1.5, 1], [1.5, 1], [9.0, 1]]).double()
    valid = (
        torch.tensor([[-1.5, 1], [1.5, 1]]).double(),
        torch.tensor([[1.0, 0], [1.0, 0]]).double(),
    )
    worth = values("Shapley", problem, pool, valid, np.random.default_rng(0))
    assert worth.shape == (3,) and worth[0] > worth[2] > worth[1]  # the second misleads a neighbour
    alone = knn_shapley(pool.numpy(), [0, 1, 1], valid[0].numpy(), [0, 0], 5).values.mean(1)
    assert (worth.numpy() != alone)[:2].all()


def test_the_mixer_is_that_of_its_paper():
    """ConvMixer-256/8 with kernels of 5 and patches of 2 has 0.6 million parameters."""
    net = conv_mixer(10, 0, 256, 8)
    assert sum(p.numel() for p in net.parameters()) == _count(256, 8, 5, 2)
    assert net.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def _count(h, depth, kernel, patch):
    layer = h * (kernel**2 + 1) + h * (h + 1) + 4 * h
    return 3 * patch**2 * h + h + 2 * h + depth * layer + 10 * (h + 1)
