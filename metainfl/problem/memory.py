"""What adaptations prepared at one lam, kept as long as it is what they would prepare again.

Lam is compared by value, and tasks, adaptation, model and loss must be the very ones. What these read, and
what of it has changed since, is not looked for: a prepared state is recalled with its witness, numbers that
code and data give at it (`Adaptation.witness`), taken again and compared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.tasks import Tasks, TaskView

ROUNDING = 64  # in units of the precision: what summing in another order may change


class Memory:
    """The state of all tasks at one lam; replaced as a whole, so that threads see no half of it."""

    def __init__(self) -> None:
        self._kept: tuple[Tensor, tuple[Any, ...], Tensor, Any] | None = None

    def recall(
        self, lam: Tensor, tasks: Tasks, view: TaskView, adaptation: Adaptation, s: Setting
    ) -> Any:
        """What was kept for exactly this, or None."""
        kept = self._kept
        if kept is None or kept[0].shape != lam.shape or kept[0].dtype != lam.dtype:
            return None
        if kept[0].device != lam.device or not torch.equal(kept[0], lam):
            return None
        if not _same(kept[1], _things(tasks, adaptation, s)):
            return None
        now = adaptation.witness(s, lam, view, kept[3])
        return kept[3] if now is not None and _close(kept[2], now) else None

    def keep(
        self, lam: Tensor, tasks: Tasks, view: TaskView, adaptation: Adaptation, s: Setting, state: Any
    ) -> None:  # fmt: skip
        """Keep it, in place of what was kept before; without a witness nothing is kept."""
        witness = adaptation.witness(s, lam, view, state)
        if witness is not None:
            things = _things(tasks, adaptation, s)
            self._kept = lam.detach().clone(), things, witness, state


def _things(tasks: Tasks, adaptation: Adaptation, s: Setting) -> tuple[Any, ...]:
    """Held, so that no other can come to stand in the place of one."""
    own = getattr(adaptation, "__dict__", {}).items()
    return tasks, adaptation, s.model, s.inner_loss, *(part for pair in own for part in pair)


def _same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    plain = (bool, int, float, str)
    return len(a) == len(b) and all(
        x is y or (isinstance(x, plain) and type(x) is type(y) and x == y)
        for x, y in zip(a, b, strict=True)
    )


def _close(before: Tensor, now: Tensor) -> bool:
    """Whether two witnesses differ by rounding alone; NaN is no witness."""
    allowed = ROUNDING * torch.finfo(now.dtype).eps * before.abs().amax()
    return before.shape == now.shape and bool(((now - before).abs() <= allowed).all())
