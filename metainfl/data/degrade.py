"""TLXML's two tests: tasks with darkened images, and tasks of noise among real ones."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metainfl.data.encode import one_hot
from metainfl.data.seeds import generator, share, whole
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import among, real, said
from metainfl.problem.tasks import Tasks


class Degraded(NamedTuple):
    """Tasks, and which instances were darkened: support (T, n_s), query (T, n_q)."""

    tasks: Tasks
    support: Tensor
    query: Tensor


@typed
def darkened(
    tasks: Tasks, darkness: float, ratio: float, *, side: str = "both", seed: int = 0
) -> Degraded:
    """Tasks in which a share `ratio` of the images is multiplied by 1 - `darkness`.

    TLXML, section 5.1: darkness 1 makes an image 0 (black), ratio 1 reaches all images. The nearest
    whole number of images is taken on each side of a task; a larger ratio with the same seed darkens
    those of a smaller one and others. `side` is "support", "query" or "both". Padding is left alone.
    Inputs are images with 0 for black: darken before making features or inverting.
    """
    share(darkness, "darkness")
    share(ratio, "ratio")
    sides = sides_of(side)
    masks, parts = {}, {}
    for name in ("support", "query"):
        x, weight = getattr(tasks, f"{name}_x"), getattr(tasks, f"{name}_weight")
        mask = torch.zeros(weight.shape, dtype=torch.bool, device="cpu")
        for k in range(tasks.n_tasks if name in sides else 0):
            real = np.flatnonzero(weight[k].cpu().numpy() > 0)
            order = generator(seed, f"darkness {name}", k).permutation(real)
            mask[k, order[: round(ratio * len(real))]] = True
        masks[name] = mask.to(x.device)
        factor = 1 - darkness * masks[name].to(x)
        parts[f"{name}_x"] = x * factor.reshape(*mask.shape, *[1] * (x.ndim - 2))
    return Degraded(replace(tasks, **parts), masks["support"], masks["query"])


@typed
def noise_tasks(
    n_tasks: int,
    shape: tuple[int, ...],
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 5,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Tasks:
    """Tasks of images (shape) whose every entry is uniform in low..high, with labels as in real tasks.

    TLXML, section 5.2 mixes 128 such tasks with 896 real ones: `concatenated(real, noise)`. There is
    nothing to learn in them, support and query being independent.
    """
    counts = {"n_tasks": n_tasks, "ways": ways, "shots": shots, "queries": queries}
    for name, count in counts.items():
        whole(count, name)
    try:
        shape = tuple(whole(n, "shape") for n in shape)
    except TypeError as error:
        raise InvalidTasks(
            f"shape must be that of an image, such as (1, 28, 28), got {said(shape)}"
        ) from error
    low, high = (real(v, n, error=InvalidTasks) for v, n in ((low, "low"), (high, "high")))
    if not low < high:
        raise InvalidTasks(f"high must be a number above low, got {high} and {low}")
    parts = []
    for name, n in (("support", ways * shots), ("query", ways * queries)):
        drawn = [
            generator(seed, f"noise {name}", k).uniform(low, high, (n, *shape))
            for k in range(n_tasks)
        ]
        labels = torch.arange(ways, device="cpu").repeat_interleave(n // ways)
        y = one_hot(labels, ways, dtype).expand(n_tasks, -1, -1).clone()
        parts += [torch.from_numpy(np.stack(drawn)).to(dtype), y]
    return Tasks(*parts)


@typed
def concatenated(*tasks: Tasks) -> Tasks:
    """All tasks in one, in order, with their weights; their sizes must agree."""
    if not tasks:
        raise InvalidTasks("nothing to concatenate")
    joined = {}
    for field in fields(Tasks):
        parts = [getattr(t, field.name) for t in tasks]
        kinds = {(tuple(p.shape[1:]), p.dtype) for p in parts}
        if len(kinds) > 1:
            raise InvalidTasks(
                f"{field.name} differs among what is concatenated: "
                + ", ".join(f"{shape} {dtype}" for shape, dtype in sorted(kinds, key=str))
            )
        joined[field.name] = torch.cat(parts)
    return Tasks(**joined)


def sides_of(side: str) -> tuple[str, ...]:
    """The sides that `side` means."""
    if not among(side, ("support", "query", "both")):
        raise InvalidTasks(f'side must be "support", "query" or "both", not {side!r}')
    return ("support", "query") if side == "both" else (side,)
