"""Where the experiments train and read off: the device that `on` names, else where tasks are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import torch

from metainfl.problem.tasks import Tasks
from metainfl.training import Recipe

_place: ContextVar[tuple[str | None, str | None]] = ContextVar("place", default=(None, None))


@contextmanager
def on(device: str | None, dtype: str | None = None) -> Iterator[None]:
    """Within, runs and the tasks that they read are on `device`, in `dtype`; None: as they are drawn."""
    before = _place.set((device, dtype))
    try:
        yield
    finally:
        _place.reset(before)


def there(tasks: Tasks) -> Tasks:
    """The tasks where runs are."""
    device, dtype = _place.get()
    return tasks.to(device, None if dtype is None else getattr(torch, dtype))


def place() -> tuple[str | None, torch.dtype | None]:
    """The device and the precision that are asked for; None: as it is."""
    device, dtype = _place.get()
    return device, None if dtype is None else getattr(torch, dtype)


def run_there(recipe: Recipe) -> Recipe:
    """The recipe of a run there."""
    device, dtype = _place.get()
    return replace(recipe, device=device, dtype=dtype)
