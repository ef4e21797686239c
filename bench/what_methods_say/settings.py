"""Which networks, trained how: a smooth recipe beside the field's usual one, on digits and on Omniglot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

import metainfl as mi
from metainfl.data import corrupt, digit_tasks, episodes, pixels, read_omniglot, split_classes
from metainfl.oracle.bridge import tasks_of
from metainfl.training import SGD, Adam, Recipe, train
from metainfl.training.networks import conv4, mlp


@dataclass(frozen=True)
class Made:
    """One draw of a setting."""

    problem: mi.Problem
    targets: mi.Tasks
    wrong: Tensor
    recipe: Recipe
    start: Tensor
    #: other starts by seed; None where the start is part of the question
    other_start: Callable[[int], Tensor] | None


@dataclass(frozen=True)
class Setting:
    """Name, words, and how it is made from a seed; how much is rerun, by size."""

    name: str
    words: str
    make: Callable[[int], Made]
    seeds: dict[str, int]
    singles: dict[str, int]
    groups: dict[str, int]
    retrained: dict[str, int]
    width: int = 32


def _digits(seed, *, activation, recipe, tasks=240, targets=4):
    whole = tasks_of(digit_tasks(tasks=252, seed=seed))
    drawn = corrupt(
        whole.select(range(tasks)),
        tasks_share=0.2,
        within=1.0,
        side="query",
        kind="shuffle",
        seed=seed,
    )

    def problem(start):
        return mi.Problem(
            mlp((64, 16, 5), activation=activation, seed=start),
            drawn.tasks,
            mi.Unrolled(1, 0.1),
            inner_loss=mi.cross_entropy,
            outer_reg=1e-3,
        )

    def start(s):
        return problem(1000 + s).setting.model.current()

    made = problem(seed)
    held = whole.select(range(tasks, tasks + targets))
    own = Recipe(seed=seed, batch_size=16, **recipe)
    return Made(made, held, drawn.task, own, made.setting.model.current(), start)


@cache
def _drawings():
    return read_omniglot()


def _omniglot(seed, *, activation, normalisation, recipe, first=0, tasks=200, targets=4):
    known, unknown = split_classes(_drawings(), (0.8, 0.2), seed=seed)
    inputs = partial(pixels, size=14, invert=True)
    draw = {"ways": 5, "shots": 1, "queries": 5, "inputs": inputs, "dtype": torch.float32}
    drawn = corrupt(
        episodes(known, tasks, seed=seed, **draw),
        tasks_share=0.2, within=1.0, side="query", kind="shuffle", seed=seed,
    )  # fmt: skip
    held = episodes(unknown, targets, seed=seed, **draw)

    def problem(start):
        net = conv4(
            5, size=14, hidden=16, blocks=3, downsample="stride", activation=activation,
            normalisation=normalisation, seed=start, dtype=torch.float32,
        )  # fmt: skip
        return mi.Problem(
            net, drawn.tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-3
        )

    made = problem(seed)
    start = made.setting.model.current()
    other = lambda s: problem(1000 + s).setting.model.current()  # noqa: E731
    if first:
        own = Recipe(optimiser=Adam(), rate=3e-3, steps=first, batch_size=8, seed=seed)
        start, other = train(made, own, progress=False).lam, None
    return Made(made, held, drawn.task, Recipe(seed=seed, **recipe), start, other)


SETTINGS = {
    s.name: s
    for s in (
        Setting(
            "digits, smooth",
            "digits, MLP 64-16-5, tanh, plain SGD, 200 steps of 16 of 240 tasks",
            partial(_digits, activation="tanh", recipe={"rate": 0.03, "steps": 200}),
            {"small": 3, "paper": 5}, {"small": 40, "paper": 240},
            {"small": 30, "paper": 100}, {"small": 3, "paper": 10},
        ),
        Setting(
            "digits, usual",
            "digits, MLP 64-16-5, ReLU, Adam, 150 steps of 16 of 240 tasks",
            partial(
                _digits, activation="relu", recipe={"rate": 0.01, "steps": 150, "optimiser": Adam()}
            ),
            {"small": 3, "paper": 5}, {"small": 40, "paper": 240},
            {"small": 30, "paper": 100}, {"small": 3, "paper": 10},
        ),
        Setting(
            "omniglot, smooth",
            "Omniglot 14 x 14, 3 convolutions of 16 channels, tanh, from a fixed start (50 steps of "
            "Adam), plain SGD, 60 steps of 50 of 200 tasks",
            partial(
                _omniglot, activation="tanh", normalisation="none", first=50,
                recipe={"rate": 0.004, "steps": 60, "batch_size": 50},
            ),
            {"small": 3, "paper": 5}, {"small": 20, "paper": 200},
            {"small": 50, "paper": 100}, {"small": 1, "paper": 5}, width=8,
        ),
        Setting(
            "omniglot, usual",
            "Omniglot 14 x 14, 3 convolutions of 16 channels, ReLU, batch norm, SGD with momentum 0.9, "
            "400 steps of 8 of 200 tasks",
            partial(
                _omniglot, activation="relu", normalisation="batch",
                recipe={"rate": 0.002, "steps": 400, "batch_size": 8, "optimiser": SGD(0.9)},
            ),
            {"small": 1, "paper": 3}, {"small": 20, "paper": 200},
            {"small": 30, "paper": 100}, {"small": 2, "paper": 5}, width=4,
        ),
    )
}  # fmt: skip
