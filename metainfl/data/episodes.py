"""Episodes: ways, shots and queries drawn by a seed, of one size or ragged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from metainfl.data.encode import one_hot
from metainfl.data.features import pixels
from metainfl.data.labelled import LabelledData
from metainfl.data.seeds import generator, whole
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import real, said
from metainfl.problem.tasks import Tasks

Sizes = int | Sequence[int]


class Episode(NamedTuple):
    """One task and where it comes from: way j is class `classes[j]`; positions are those in the data."""

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor
    classes: Tensor
    support_index: Tensor
    query_index: Tensor


def episodes(data: LabelledData, n_tasks: int | None = None, **options: object) -> Tasks:
    """The episodes of `draw` with the same arguments, as one `Tasks`; ragged ones padded by `stacked`."""
    return stacked(draw(data, n_tasks, **options))  # type: ignore[arg-type]


@typed
def draw(
    data: LabelledData,
    n_tasks: int | None = None,
    *,
    ways: Sizes = 5,
    shots: Sizes = 1,
    queries: Sizes = 5,
    seed: int = 0,
    classes: Sequence[Sequence[int]] | None = None,
    inputs: Callable[[Tensor], Tensor] | None = None,
    dtype: torch.dtype = torch.float64,
) -> list[Episode]:
    """`n_tasks` episodes: `ways` classes each, of every class `shots` support and `queries` query inputs.

    Sizes are one number, or a number a task. Classes are drawn without replacement within a task and in
    random order, or given for each task by `classes` (all 252 five-way tasks of ten digits:
    `itertools.combinations(range(10), 5)`). Instances stand class by class, disjoint within a task;
    targets are one-hot with as many columns as the widest task has ways. `inputs` turns the drawn part of
    `data.x` into what the model reads (features.pixels for images of bytes, unless given).

    Task k depends on the seed and k alone: more tasks leave the first ones as they were, and more queries
    leave support as it was while the same classes have instances enough.
    """
    if classes is not None:
        sets = _sets(classes)
        n_tasks, ways = len(sets) if n_tasks is None else n_tasks, [len(s) for s in sets]
        if n_tasks != len(sets):
            raise InvalidTasks(f"classes are given for {len(sets)} tasks, n_tasks is {n_tasks}")
    else:
        sets = None
    n_tasks = whole(n_tasks, "n_tasks")
    w, s, q = (
        _sizes(v, n_tasks, name)
        for v, name in ((ways, "ways"), (shots, "shots"), (queries, "queries"))
    )
    pools = [p.numpy() for p in data.pools()]
    read = inputs if inputs is not None else (pixels if data.x.dtype == torch.uint8 else _as_is)
    found = []
    for k in range(n_tasks):
        rng = generator(seed, "episodes", k)
        fit = [c for c, pool in enumerate(pools) if len(pool) >= s[k] + q[k]]
        mine = (
            _ways(data, sets[k], fit)
            if sets is not None
            else _drawn(data, rng, fit, w[k], s[k] + q[k])
        )
        orders = [rng.permutation(pools[c]) for c in mine]
        support = torch.from_numpy(np.concatenate([o[: s[k]] for o in orders]))
        query = torch.from_numpy(np.concatenate([o[s[k] : s[k] + q[k]] for o in orders]))
        targets = [
            one_hot(torch.arange(w[k], device="cpu").repeat_interleave(n), max(w), dtype)
            for n in (s[k], q[k])
        ]
        x = _read(read, data.x[torch.cat([support, query])]).to(dtype)
        found.append(
            Episode(
                x[: len(support)],
                targets[0],
                x[len(support) :],
                targets[1],
                torch.tensor(mine, device="cpu"),
                support,
                query,
            )
        )
    return found


def stacked(tasks: Sequence[Episode]) -> Tasks:
    """Episodes as one `Tasks`; smaller ones are padded with zeros of instance weight 0.

    A padded instance counts nowhere that weights reach. Batch statistics are not reached (`Problem`
    refuses such models there); targets of fewer ways keep their columns, and the rest are never right.
    """
    if not tasks or not all(isinstance(t, Episode) for t in tasks):
        raise InvalidTasks(
            f"tasks must be one or more episodes, as draw(...) returns, got {said(tasks)}"
        )
    shapes = sorted({tuple(x.shape[1:]) for t in tasks for x in (t.support_x, t.query_x)})
    if len(shapes) > 1:
        raise InvalidTasks(f"tasks have inputs of different shapes, {shapes[0]} and {shapes[-1]}")
    widest = max(t.query_y.shape[1] for t in tasks)
    sides = []
    for x, y in ((0, 1), (2, 3)):
        n = max(len(t[x]) for t in tasks)
        sides += [
            torch.stack([_padded(t[x], n) for t in tasks]),
            torch.stack([_padded(_padded(t[y].T, widest).T, n) for t in tasks]),
            torch.stack([_padded(t[x].new_ones(len(t[x])), n) for t in tasks]),
        ]
    return Tasks(
        sides[0], sides[1], sides[3], sides[4], support_weight=sides[2], query_weight=sides[5]
    )


def _padded(x: Tensor, n: int) -> Tensor:
    return torch.cat([x, x.new_zeros(n - len(x), *x.shape[1:])]) if len(x) < n else x


def _as_is(x: Tensor) -> Tensor:
    return x


def _read(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """f(x), held to be as many inputs."""
    found = f(x)
    if not isinstance(found, Tensor) or found.ndim == 0 or len(found) != len(x):
        got = tuple(found.shape) if isinstance(found, Tensor) else said(found)
        raise InvalidTasks(f"inputs must give {len(x)} inputs for {len(x)} of the data, got {got}")
    return found


def _sets(classes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Of each task its classes, as numbers."""
    try:
        return [[index(c) for c in chosen] for chosen in classes]
    except TypeError as error:
        raise InvalidTasks(
            f"classes must be numbers of classes, task by task, such as [[0, 3], [1, 2]], got {said(classes)}"
        ) from error


def _sizes(value: Sizes, n_tasks: int, name: str) -> list[int]:
    """A number a task, at least 1."""
    single = isinstance(value, (int, float)) or getattr(value, "ndim", None) == 0
    if not single and not isinstance(value, (Sequence, np.ndarray, Tensor)):
        raise InvalidTasks(f"{name} must be a whole number, or one a task, got {said(value)}")
    many: list[Any] = [value] * n_tasks if single else list(value)  # type: ignore[arg-type]
    if len(many) != n_tasks:
        raise InvalidTasks(
            f"{name} must be one number or one a task: {len(many)} for {n_tasks} tasks"
        )
    fit = ("whole numbers of at least 1", lambda v: v >= 1 and v % 1 == 0)
    return [int(real(v, name, fit, InvalidTasks)) for v in many]


def _drawn(
    data: LabelledData, rng: np.random.Generator, fit: list[int], ways: int, needed: int
) -> list[int]:
    """Classes with enough instances, in random order."""
    if len(fit) < ways:
        raise InvalidTasks(
            f"{data.name} has {len(fit)} classes of at least {needed} instances (shots + queries), "
            f"{ways} ways were asked for; ask for fewer"
        )
    return [fit[i] for i in rng.permutation(len(fit))[:ways]]


def _ways(data: LabelledData, chosen: list[int], fit: list[int]) -> list[int]:
    """Classes that were given, if they can serve."""
    if len(set(chosen)) != len(chosen) or not chosen:
        raise InvalidTasks(f"a task needs different classes, got {chosen}")
    for c in chosen:
        if not 0 <= c < len(data.classes):
            raise InvalidTasks(f"{data.name} has classes 0 to {len(data.classes) - 1}, got {c}")
        if c not in fit:
            raise InvalidTasks(f"class {data.classes[c]} of {data.name} has too few instances")
    return chosen
