"""Rotated copies of tasks, and the group that each copy belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.data.seeds import generator, whole
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import flag, real, said
from metainfl.problem.tasks import Tasks


class Augmented(NamedTuple):
    """Tasks (T copies), the task each came from (T copies,), and its angle in radians (T copies,)."""

    tasks: Tasks
    group: Tensor
    angles: Tensor


@typed
def with_inputs(tasks: Tasks, f: Callable[[Tensor], Tensor]) -> Tasks:
    """The same tasks with f applied to all inputs at once, (instances, ...) to (instances, ...)."""
    parts = {}
    for name in ("support_x", "query_x"):
        x = getattr(tasks, name)
        n = x.shape[:2].numel()
        y = f(x.flatten(0, 1))
        if not isinstance(y, Tensor) or y.shape[:1] != (n,):
            raise InvalidTasks(
                f"f must return one row an instance, ({n}, ...), got {said(y)} for inputs {tuple(x.shape)}"
            )
        parts[name] = y.reshape(*x.shape[:2], *y.shape[1:])
    return replace(tasks, **parts)


@typed
def rotated(x: Tensor, angle: float | Tensor) -> Tensor:
    """Images (n, c, h, w) turned anticlockwise by `angle` radians about their centre, bilinear.

    What comes from outside is 0. `angle` is one number or (n,).
    """
    if x.ndim != 4:
        raise InvalidTasks(f"expected images (n, c, h, w), got {tuple(x.shape)}")
    h, w = x.shape[-2:]
    if not isinstance(angle, Tensor):
        angle = real(angle, "angle", ("a number of radians", math.isfinite), InvalidTasks)
    if not bool(torch.isfinite(torch.as_tensor(angle, device="cpu")).all()):
        raise InvalidTasks(f"an angle must be a number of radians, got {angle}")
    if isinstance(angle, Tensor) and angle.shape not in ((), (1,), (len(x),)):
        raise InvalidTasks(f"angle is one number or ({len(x)},), got {said(angle)}")
    a = torch.as_tensor(angle, dtype=x.dtype, device=x.device).expand(len(x))
    c, s, o = a.cos(), a.sin(), torch.zeros_like(a)
    # Coordinates run from -1 to 1 over each side, so a turn needs the ratio of the sides.
    matrix = torch.stack([c, -s * h / w, o, s * w / h, c, o], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@typed
def rotated_copies(
    tasks: Tasks, angles: int, *, seed: int = 0, largest: float = math.pi / 2, keep: bool = False
) -> Augmented:
    """Each task as `angles` copies, all images of a copy turned by one angle drawn from +-`largest`.

    TLXML, section 5.2: 2, 4, 8 or 16 angles between -pi/2 and pi/2. `keep` makes the first copy the task
    as it was. Copies of a task stand together and share its number in `group`, so that a group's
    influence is the original task's. Inputs must be images (T, n, c, h, w); rotate before making
    features. Angles of task k depend on the seed and k alone.
    """
    angles, keep = whole(angles, "angles"), flag(keep, "keep", InvalidTasks)
    fit = ("a number of radians from 0 on", lambda v: 0 <= v < math.inf)
    largest = real(largest, "largest", fit, InvalidTasks)
    if tasks.query_x.ndim != 5:
        raise InvalidTasks(
            f"rotations need images (T, n, c, h, w), got {tuple(tasks.query_x.shape)}; rotate before "
            "making features (with_inputs)"
        )
    turns = torch.empty(tasks.n_tasks, angles, dtype=torch.float64, device="cpu")
    for k in range(tasks.n_tasks):
        drawn = generator(seed, "rotations", k).uniform(-largest, largest, angles)
        turns[k] = torch.from_numpy(drawn)
    if keep:
        turns[:, 0] = 0
    group = torch.arange(tasks.n_tasks, device="cpu").repeat_interleave(angles)
    copies = tasks.select(group.to(tasks.query_x.device))
    parts = {}
    for name in ("support_x", "query_x"):
        x = getattr(copies, name)
        each = turns.flatten().repeat_interleave(x.shape[1]).to(x)
        y = rotated(x.flatten(0, 1), each).reshape(x.shape)
        same = (turns.flatten() == 0).to(x.device).reshape(-1, 1, 1, 1, 1)
        parts[name] = torch.where(same, x, y)
    return Augmented(replace(copies, **parts), group, turns.flatten())
