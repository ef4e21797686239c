"""How one estimator is tried: its call, its own answer, what it says of removal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trial:
    """ground    makes what the estimator reads, and knows exact removals
    call      (method, ground) -> answer, as the estimator gives it
    own       ground -> the exact value of what it estimates, in the answer's shape; None: it defines that
    effect    (ground, answer) -> predicted loss after removal minus before (n, m); None: it predicts none
    sized     makes a ground for its cost, with the size of one axis set; None: the cost is not measured
    axes      sizes along which the cost is measured to grow, smallest first: n data, p that parameters are
              proportional to, T steps, m targets
    unit      what one of its cost is
    count     answer -> its cost, where that is counted and not timed
    value     answer -> the numbers in it
    """

    ground: Callable[[], Any]
    call: Callable[[Any, Any], Any]
    own: Callable[[Any], Any] | None = None
    effect: Callable[[Any, Any], Any] | None = None
    sized: Callable[..., Any] | None = None
    axes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unit: str = ""
    count: Callable[[Any], float] | None = None
    value: Callable[[Any], Any] = field(default=lambda answer: answer)
