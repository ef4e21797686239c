"""Pools of images to buy labels from.

    balanced     ten digits alike
    unbalanced   digits 0 to 4 a tenth as frequent as the others, in pool and test alike
    redundant    1, 7, or neither: the pool holds all digits, the test ones and sevens alone
    emnist       26 letters (EMNIST Letters, as appendix C has it; Table 5 says 37 classes)
    cifar10      ten kinds of things in colour
Small: scikit-learn's digits, which every machine has, and a network like that of Table 6, a quarter as wide.
Medium: the same network on MNIST at 14 x 14, with the paper's pool and rounds. Paper: MNIST, 32 and 64
channels, a layer of 256, and dropout of a half before it while it is trained (the paper names no share);
EMNIST and CIFAR-10 where they lie in the folder of data. Pools and purchases are those of Table 5, and rounds
end before a purchase would empty the pool: Table 5 has nine of 2,000 from CIFAR-10's 10,000.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from metainfl.data import LabelledData, pixels, read_cifar10, read_digits, read_emnist, read_mnist
from metainfl.data.looked import remembered
from metainfl.errors import MissingData
from metainfl.experiments.paper_004.buying import Parts

POOLS = ("balanced", "unbalanced", "redundant")
MORE = ("emnist", "cifar10")
SIZES = {
    "labelled": 30,
    "pool": 210,
    "valid": 100,
    "test": 400,
    "rounds": 5,
    "bought": 15,
    "steps": 150,
    "channels": 8,
    "width": 16,
    "rate": 10,
}
PAPER = {
    "labelled": 60,
    "pool": 420,
    "valid": 500,
    "test": 5000,
    "rounds": 13,
    "bought": 30,
    "steps": 300,
    "channels": 32,
    "width": 256,
    "rate": 1,
}
MEDIUM = {**PAPER, "channels": 8, "width": 16, "rate": 10}
EMNIST = {**PAPER, "labelled": 600, "pool": 2000, "rounds": 10, "bought": 100}
CIFAR10 = {
    **PAPER,
    "labelled": 6000,
    "pool": 10_000,
    "rounds": 4,
    "bought": 2000,
    "steps": 2000,
    "batch": 128,
    "depth": 8,
}


@remembered
def images(size: str, data: Path | None, kind: str = "balanced") -> tuple[LabelledData, Tensor]:
    """The data set and its images (n, c, side, side), 0 to 1."""
    if size == "small":
        read = read_digits()
        return read, pixels(read.x)
    if kind == "cifar10":
        read = read_cifar10(data)
        return read, pixels(
            read.x[: sum(CIFAR10[n] for n in ("labelled", "pool", "valid", "test"))]
        )
    if kind == "emnist":
        read = read_emnist(data, kind="letters")
        return read, pixels(read.x)
    read = read_mnist(data)
    return read, pixels(read.x[:20_000], size=14) if size == "medium" else pixels(read.x)


def kinds_of(size: str, data: Path | None) -> tuple[str, ...]:
    """The pools of a size: at the paper's, those of other data sets where they are there."""
    return (*POOLS, *(k for k in MORE if size == "paper" and _there(size, data, k)))


def _there(size: str, data: Path | None, kind: str) -> bool:
    try:
        images(size, data, kind)
    except MissingData:
        return False
    return True


def drawn(kind: str, seed: int, size: str, data: Path | None) -> Parts:
    """Images and one-hot labels of the labelled, pool, validation and test data, disjoint."""
    read, x = images(size, data, kind if kind in MORE else "balanced")
    labels = read.labels[: len(x)].long()
    draw, counts = torch.Generator().manual_seed(seed), sizes_of(size, kind)
    classes = 3 if kind == "redundant" else len(read.classes)
    left = torch.ones(len(x), dtype=torch.bool)
    out = {}
    for name in ("labelled", "pool", "valid", "test"):
        chance = _chance(kind, labels, name) * left
        chosen = torch.multinomial(chance, counts[name], generator=draw)
        left[chosen] = False
        y = labels[chosen]
        if kind == "redundant":
            y = torch.where(y == 1, 0, torch.where(y == 7, 1, 2))
        out[name] = x[chosen], nn.functional.one_hot(y, classes).double()
    return out


def sizes_of(size: str, kind: str = "balanced") -> dict[str, int]:
    """How many data, rounds, purchases and steps."""
    if kind in MORE:
        return {"emnist": EMNIST, "cifar10": CIFAR10}[kind]
    return {"small": SIZES, "medium": MEDIUM, "paper": PAPER}[size]


def _chance(kind: str, labels: Tensor, name: str) -> Tensor:
    """How likely each image is drawn for this part."""
    if kind == "unbalanced":
        return torch.where(labels < 5, 0.1, 1.0)
    if kind == "redundant" and name in ("valid", "test"):
        return ((labels == 1) | (labels == 7)).float()
    return torch.ones(len(labels))
