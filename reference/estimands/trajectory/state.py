"""What a run carries from step to step, and the same shape for its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class State:
    """lam (p,), first moment or momentum buffer (p,), second moment (p,), steps taken so far.

    Derivatives of a state are states too: rows (p, n) for n tangents, (p,) for a cotangent.
    """

    lam: Array
    first: Array
    second: Array
    count: int = 0

    @classmethod
    def at(cls, lam: Array) -> State:
        """A fresh optimiser at lam: moments zero."""
        lam = np.asarray(lam)
        lam = lam if lam.dtype.kind in "fc" else lam.astype(float)
        return cls(lam, np.zeros_like(lam), np.zeros_like(lam))

    def mapped(self, convert: Callable[[Array], Array]) -> State:
        """The same in another number type: `widened`, or to complex."""
        return State(convert(self.lam), convert(self.first), convert(self.second), self.count)
