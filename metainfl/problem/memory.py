"""What adaptations prepared at one lam, kept as long as nothing that it depends on has changed.

Lam is compared by value; tasks must be the very ones, which are held, with the versions that their tensors
had; the adaptation by its settings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.problem.adaptation import Adaptation
from metainfl.problem.tasks import Tasks


class Memory:
    """The state of all tasks at one lam."""

    def __init__(self) -> None:
        self._lam: Tensor | None = None
        self._tasks: Tasks | None = None
        self._key: Any = None
        self._state: Any = None

    def recall(self, lam: Tensor, tasks: Tasks, adaptation: Adaptation) -> Any:
        """What was kept for exactly this, or None."""
        if self._lam is None or self._lam.shape != lam.shape or self._lam.dtype != lam.dtype:
            return None
        if self._lam.device != lam.device or not torch.equal(self._lam, lam):
            return None
        if tasks is not self._tasks:  # held here, so that another cannot come to stand in its place
            return None
        return self._state if self._key == _key(tasks, adaptation) else None

    def keep(self, lam: Tensor, tasks: Tasks, adaptation: Adaptation, state: Any) -> None:
        """Keep it, in place of what was kept before."""
        self._lam, self._state, self._tasks = lam.detach().clone(), state, tasks
        self._key = _key(tasks, adaptation)


def _key(tasks: Tasks, adaptation: Adaptation) -> Any:
    return tasks.versions(), _settings(adaptation)


def _settings(adaptation: Adaptation) -> tuple[Any, ...]:
    """What an adaptation is set to: numbers by value, tensors by version, the rest by itself."""
    out: list[Any] = [type(adaptation)]
    for name, value in sorted(vars(adaptation).items()):
        if isinstance(value, Tensor):
            out.append((name, id(value), value._version))
        elif isinstance(value, Adaptation):
            out.append((name, _settings(value)))
        else:
            out.append((name, value))
    return tuple(out)
