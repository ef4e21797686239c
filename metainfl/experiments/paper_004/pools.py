"""Pools of images to buy labels from, and the network whose last layer decides what is bought.

    balanced     ten digits alike
    unbalanced   digits 0 to 4 a tenth as frequent as the others, in pool and test alike
    redundant    1, 7, or neither: the pool holds all digits, the test ones and sevens alone
Small: scikit-learn's digits, which every machine has, and a network like that of Table 6, a quarter as wide:
two convolutions of stride 2, a layer of 16, a linear head. Medium: the same network on MNIST at 14 x 14, with
the paper's pool and rounds. Paper: MNIST, 32 and 64 channels, a layer of 256,
and dropout of a half before it while it is trained (the paper names no share).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy as plain_cross_entropy

from metainfl.adaptation import NoAdaptation
from metainfl.data import LabelledData, pixels, read_digits, read_mnist
from metainfl.data.looked import remembered
from metainfl.derive.problem import Problem
from metainfl.experiments.paper_004.buying import Parts
from metainfl.experiments.paper_004.single_level import single
from metainfl.problem.losses import cross_entropy
from metainfl.problem.model import Linear

POOLS = ("balanced", "unbalanced", "redundant")
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
}


MEDIUM = {**PAPER, "channels": 8, "width": 16}


@remembered
def images(size: str, data: Path | None) -> tuple[LabelledData, Tensor]:
    """The data set and its images (n, 1, side, side), 0 to 1."""
    if size == "small":
        read = read_digits()
        return read, pixels(read.x)
    read = read_mnist(data)
    return read, pixels(read.x[:20_000], size=14) if size == "medium" else pixels(read.x)


def drawn(kind: str, seed: int, size: str, data: Path | None) -> Parts:
    """Images and one-hot labels of the labelled, pool, validation and test data, disjoint."""
    read, x = images(size, data)
    labels = read.labels[: len(x)].long()
    draw, counts = torch.Generator().manual_seed(seed), sizes_of(size)
    left = torch.ones(len(x), dtype=torch.bool)
    out = {}
    for name in ("labelled", "pool", "valid", "test"):
        chance = _chance(kind, labels, name) * left
        chosen = torch.multinomial(chance, counts[name], generator=draw)
        left[chosen] = False
        y = labels[chosen]
        if kind == "redundant":
            y = torch.where(y == 1, 0, torch.where(y == 7, 1, 2))
        out[name] = x[chosen], nn.functional.one_hot(y, 3 if kind == "redundant" else 10).double()
    return out


def sizes_of(size: str) -> dict[str, int]:
    """How many data, rounds, purchases and steps."""
    return {"small": SIZES, "medium": MEDIUM, "paper": PAPER}[size]


def _chance(kind: str, labels: Tensor, name: str) -> Tensor:
    """How likely each image is drawn for this part."""
    if kind == "unbalanced":
        return torch.where(labels < 5, 0.1, 1.0)
    if kind == "redundant" and name in ("valid", "test"):
        return ((labels == 1) | (labels == 7)).float()
    return torch.ones(len(labels))


def network(side: int, classes: int, seed: int, channels: int, width: int) -> nn.Sequential:
    """Features of `width`, then the head; its start depends on the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        half = (side + 3) // 4
        return nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.5 if width > 16 else 0.0),
            nn.Linear(2 * channels * half * half, width), nn.ReLU(), nn.Linear(width, classes),
        )  # fmt: skip


def trained_on(
    steps: int, seed: int, size: str = "small"
) -> Callable[[Tensor, Tensor], tuple[Problem, Callable[[Tensor], Tensor]]]:
    """Adam on all parameters; then the head, with a constant for its bias, at its minimum."""
    counts = sizes_of(size)
    width = counts["width"]

    def trained(x: Tensor, y: Tensor) -> tuple[Problem, Callable[[Tensor], Tensor]]:
        net = network(x.shape[-1], y.shape[1], seed, counts["channels"], width)
        way = torch.optim.Adam(net.parameters(), lr=0.001 if size == "paper" else 0.01)
        with torch.random.fork_rng():  # of dropout
            torch.manual_seed(seed)
            for _ in range(steps):
                way.zero_grad()
                plain_cross_entropy(net(x.float()), y.float()).backward()
                way.step()
        net.eval()

        def read(inputs: Tensor) -> Tensor:
            with torch.no_grad():
                h = net[:-1](inputs.float()).double()
            return torch.cat([h / width**0.5, h.new_ones(len(h), 1)], dim=1)

        head = Problem(
            Linear(width + 1, y.shape[1]), single(read(x), y), NoAdaptation(),
            inner_loss=cross_entropy, outer_reg=0.1,
        )  # fmt: skip
        head.solve(y.new_zeros((width + 1) * y.shape[1]), progress=False)
        return head, read

    return trained
