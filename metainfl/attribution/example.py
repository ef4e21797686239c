"""Questions on real data that are put without writing a line: digits, and Omniglot where it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from metainfl.adaptation import Unrolled
from metainfl.attribution.question import Question
from metainfl.data import corrupt, episodes, pixels, read_digits, read_omniglot, split_classes
from metainfl.data.corruption import Corrupted
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.numbers import said
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import Tasks
from metainfl.training import Adam, Recipe
from metainfl.training.networks import conv4, mlp

WRONG = {"tasks_share": 0.1, "within": 1.0, "side": "query", "kind": "shuffle"}


def _asked(
    model: torch.nn.Module, drawn: Corrupted, targets: Tasks, recipe: Recipe, **shown: Any
) -> Question:
    problem = Problem(
        model, drawn.tasks, Unrolled(1, 0.1), inner_loss=cross_entropy, outer_reg=1e-3
    )
    wrong = drawn.task.tolist()
    names = [
        f"task {k}" + (" (labels shuffled on purpose)" if w else "") for k, w in enumerate(wrong)
    ]
    return Question(problem, targets, recipe, names, **shown)


def digits(data: Path | None = None, *, seed: int = 0, tasks: int = 120) -> Question:
    """MAML with an MLP 64-16-5 (tanh) on five-way tasks of scikit-learn's digits; every tenth is wrong."""
    read = read_digits()
    mean = pixels(read.x).mean(0)
    draw = {"ways": 5, "shots": 2, "queries": 4, "inputs": lambda x: pixels(x) - mean}
    drawn = corrupt(episodes(read, tasks, seed=seed, **draw), seed=seed, **WRONG)  # type: ignore[arg-type]
    targets = episodes(read, 10, seed=seed + 10_000, **draw)
    flat = [_flat(t) for t in (drawn.tasks, targets)]
    model = mlp((64, 16, 5), activation="tanh", seed=seed)
    recipe = Recipe(rate=0.03, steps=200, batch_size=16, seed=seed)
    return _asked(model, drawn._replace(tasks=flat[0]), flat[1], recipe, image=(8, 8), centre=mean)


def omniglot(data: Path | None = None, *, seed: int = 0, tasks: int = 100) -> Question:
    """MAML, three convolutions, five-way one-shot tasks of Omniglot at 14 x 14; every tenth is wrong."""
    known, unknown = split_classes(read_omniglot(data), (0.8, 0.2), seed=seed)
    draw = {"ways": 5, "shots": 1, "queries": 5, "dtype": torch.float32}
    draw |= {"inputs": lambda x: pixels(x, size=14, invert=True)}
    drawn = corrupt(episodes(known, tasks, seed=seed, **draw), seed=seed, **WRONG)  # type: ignore[arg-type]
    targets = episodes(unknown, 4, seed=seed, **draw)
    model = conv4(
        5, size=14, hidden=16, blocks=3, downsample="stride", activation="tanh",
        normalisation="none", seed=seed, dtype=torch.float32,
    )  # fmt: skip
    recipe = Recipe(optimiser=Adam(), rate=3e-3, steps=100, batch_size=16, seed=seed)
    return _asked(model, drawn, targets, recipe)


def _flat(tasks: Tasks) -> Tasks:
    sides = {s: getattr(tasks, s).flatten(2) for s in ("support_x", "query_x")}
    return replace(tasks, **sides)


EXAMPLES: dict[str, Callable[..., Question]] = {"digits": digits, "omniglot": omniglot}


def example(name: str, data: Path | None = None) -> Question:
    """The question called `name`; `InvalidOption` where there is none, `MissingData` without its files."""
    if not isinstance(name, str) or name not in EXAMPLES:
        raise InvalidOption(f"there is no example {said(name)}; there are {', '.join(EXAMPLES)}")
    return EXAMPLES[name](data)
