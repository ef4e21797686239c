"""Pools of images to buy labels from, and the network whose last layer decides what is bought.

    balanced     ten digits alike
    unbalanced   digits 0 to 4 a tenth as frequent as the others, in pool and test alike
    redundant    1, 7, or neither: the pool holds all digits, the test ones and sevens alone
Small: scikit-learn's digits, which every machine has; paper: MNIST at 14 x 14. The network is like that of
Table 6, a quarter as wide and without dropout: two convolutions of stride 2, a layer of 16, a linear head.
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
}
PAPER = {
    "labelled": 60,
    "pool": 420,
    "valid": 500,
    "test": 5000,
    "rounds": 13,
    "bought": 30,
    "steps": 300,
}
WIDTH = 16


@remembered
def images(size: str, data: Path | None) -> tuple[LabelledData, Tensor]:
    """The data set and its images (n, 1, side, side), 0 to 1."""
    if size == "small":
        read = read_digits()
        return read, pixels(read.x)
    read = read_mnist(data)
    return read, pixels(read.x[:20_000], size=14)


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
    return SIZES if size == "small" else PAPER


def _chance(kind: str, labels: Tensor, name: str) -> Tensor:
    """How likely each image is drawn for this part."""
    if kind == "unbalanced":
        return torch.where(labels < 5, 0.1, 1.0)
    if kind == "redundant" and name in ("valid", "test"):
        return ((labels == 1) | (labels == 7)).float()
    return torch.ones(len(labels))


def network(side: int, classes: int, seed: int) -> nn.Sequential:
    """Features of WIDTH, then the head; its start depends on the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        half = (side + 3) // 4
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * half * half, WIDTH), nn.ReLU(), nn.Linear(WIDTH, classes),
        )  # fmt: skip


def trained_on(
    steps: int, seed: int
) -> Callable[[Tensor, Tensor], tuple[Problem, Callable[[Tensor], Tensor]]]:
    """Adam on all parameters; then the head, with a constant for its bias, at its minimum."""

    def trained(x: Tensor, y: Tensor) -> tuple[Problem, Callable[[Tensor], Tensor]]:
        net = network(x.shape[-1], y.shape[1], seed)
        way = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(steps):
            way.zero_grad()
            plain_cross_entropy(net(x.float()), y.float()).backward()
            way.step()

        def read(inputs: Tensor) -> Tensor:
            with torch.no_grad():
                h = net[:-1](inputs.float()).double()
            return torch.cat([h / WIDTH**0.5, h.new_ones(len(h), 1)], dim=1)

        head = Problem(
            Linear(WIDTH + 1, y.shape[1]), single(read(x), y), NoAdaptation(),
            inner_loss=cross_entropy, outer_reg=0.1,
        )  # fmt: skip
        head.solve(y.new_zeros((WIDTH + 1) * y.shape[1]), progress=False)
        return head, read

    return trained
