"""What an estimator hands back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Cost:
    """Predicted seconds: all scores, and one removal done for real."""

    scores: float
    rerun: float


@dataclass(frozen=True, eq=False)
class Answer:
    """Scores (n, m), half the width of an interval of their means over targets (n,), and what that is.

    own   where scores are means over runs: those of the first run alone (n, m), which removals are done in
    """

    value: Tensor
    half_width: Tensor | None
    interval: str
    own: Tensor | None = None
