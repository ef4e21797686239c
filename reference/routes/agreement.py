"""One line of the certification table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metainfl_reference.answer import Answer

Array = np.ndarray


@dataclass(frozen=True)
class Agreement:
    """What was confirmed, how, how well, how well it had to be, and the answer's own bound.

    Agreement and bound are relative to the largest entry of the answer (max norms over the whole
    array). The bound speaks of the answer alone; a second route has errors of its own.
    """

    family: str
    estimand: str
    route: str
    agreement: float
    allowed: float
    bound: float

    @property
    def holds(self) -> bool:
        """Within what is allowed."""
        return bool(self.agreement <= self.allowed)


def compare(
    family: str, estimand: str, route: str, answer: Answer, second: Array | float, allowed: float
) -> Agreement:
    """The line for an answer and what the second route gives in its place."""
    scale = float(np.abs(answer.value).max()) or 1.0
    off = float(np.abs(answer.value - second).max()) / scale
    return Agreement(family, estimand, route, off, allowed, float(np.max(answer.bound)) / scale)
