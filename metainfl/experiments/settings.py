"""What the experiments train on, by size: scikit-learn's digits, or the papers' data at the papers' sizes.

    OMNIGLOT   001, Table 1: 10,000 tasks, 5,000 steps. The paper names neither network nor shots: here pixels
               at 14 x 14, 196-32-5, two shots, four queries; new tasks of characters never seen
    IMAGENET   the same of mini-ImageNet in colour, 588-32-5; new tasks of the classes of its test split
    TABLE1     the data sets of 001's Table 1 by size; medium: 120 tasks, 400 steps
    MNIST      001, Figures 1 to 3: 252 tasks, one for each five of the ten digits, and 5,000 steps
    SPECTRUM   002, appendix B.2: Omniglot's 36 Fourier sizes, 128 tasks of five shots, 32-5 with batch
               normalisation (1,413 parameters), 1,000 steps of Adam in batches of 32, 128 tests. Smooth: tanh
    BAE        the gaps of Bae et al.: as OMNIGLOT, with 600 tasks and 2,000 steps
Small: 64-16-5 (tanh) on digits, 200 steps of plain descent in batches of 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from metainfl.data import (
    LabelledData,
    draw,
    pixels,
    read_digits,
    read_mini_imagenet,
    read_mnist,
    read_omniglot,
    spectrum,
    split_classes,
    stacked,
)
from metainfl.experiments.networks import Setting
from metainfl.experiments.placing import run_there
from metainfl.training import Adam, Recipe
from metainfl.training.networks import mlp, tlxml_mlp


@dataclass(frozen=True)
class Paper:
    """A paper's sizes: of its tasks, tests, episodes and training."""

    data: str
    tasks: int
    steps: int
    tests: int = 128
    new: int = 400
    shots: int = 2
    queries: int = 4
    batch: int = 16
    hidden: int = 32


OMNIGLOT = Paper("omniglot", tasks=10_000, steps=5000)
MNIST = Paper("mnist", tasks=252, steps=5000)
SPECTRUM = Paper("spectrum", tasks=128, steps=1000, new=128, shots=5, queries=5, batch=32)
BAE = Paper("omniglot", tasks=600, steps=2000, new=200)
IMAGENET = replace(OMNIGLOT, data="mini-imagenet")
TABLE1 = {
    "paper": (OMNIGLOT, MNIST, IMAGENET),
    "medium": (
        replace(OMNIGLOT, tasks=120, steps=400, new=100),
        replace(MNIST, tasks=120, steps=400, new=100),
        replace(IMAGENET, tasks=120, steps=400, new=100),
    ),
}
Inputs = Callable[[Tensor], Tensor]


def setting(
    size: str,
    seed: int,
    data: Path | None,
    *,
    paper: Paper = OMNIGLOT,
    tasks: int = 120,
    new: int = 40,
    tests: int = 16,
    hidden: int = 16,
) -> Setting:
    """Small: `tasks`, `new` and `tests` tasks of digits, `hidden` units. Paper: the sizes of `paper`."""
    at = Paper("digits", tasks, 200, tests, new, hidden=hidden) if size == "small" else paper
    known, unknown, seen = _of(at.data, seed, data)
    episode: dict[str, Any] = {"ways": 5, "shots": at.shots, "queries": at.queries, "inputs": seen}
    fives = list(combinations(range(10), 5)) if at.data == "mnist" else []
    every = fives if len(fives) == at.tasks else None
    drawn = draw(known, at.tasks, seed=seed, classes=every, **episode)
    fresh = draw(unknown, at.new, seed=100_000 + seed, **episode)
    recipe, network = _trained_as(at, seed)
    mean = seen(known.x).mean(0)
    others = len(known.classes) if set(known.classes).isdisjoint(unknown.classes) else 0
    return Setting(
        images=stacked(drawn),
        new_images=stacked(fresh),
        read=spectrum if at.data == "spectrum" else partial(_centred, mean=mean),
        network=network,
        recipe=recipe,
        seed=seed,
        tests=at.tests,
        mean=mean.flatten(),
        classes=[e.classes.tolist() for e in drawn],
        new_classes=[(e.classes + others).tolist() for e in fresh],
    )


def _of(name: str, seed: int, data: Path | None) -> tuple[LabelledData, LabelledData, Inputs]:
    """Data of training and of new tasks, and how an image is read."""
    if name == "digits":
        read = read_digits()
        return read, read, pixels
    if name == "mnist":
        return read_mnist(data), read_mnist(data, split="test"), partial(pixels, size=14)
    if name == "mini-imagenet":
        read = read_mini_imagenet(data, size=14)
        return read, read_mini_imagenet(data, split="test", size=14), pixels
    known, unknown = split_classes(read_omniglot(data), (0.8, 0.2), seed=seed)
    side = None if name == "spectrum" else 14
    return known, unknown, partial(pixels, size=side, invert=True)


def _trained_as(paper: Paper, seed: int) -> tuple[Recipe, Callable[[], nn.Module]]:
    plain = run_there(Recipe(rate=0.03, steps=paper.steps, batch_size=paper.batch, seed=seed))
    if paper.data == "spectrum":
        adam = replace(plain, optimiser=Adam(), rate=1e-3)
        return adam, partial(tlxml_mlp, activation="tanh", seed=seed)
    inputs = {"digits": 64, "mini-imagenet": 3 * 196}.get(paper.data, 196)
    widths = (inputs, paper.hidden, 5)
    return plain, partial(mlp, widths, activation="tanh", seed=seed)


def _centred(x: Tensor, *, mean: Tensor) -> Tensor:
    return (x - mean).flatten(-3)
