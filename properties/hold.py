"""An answer held to its bound: in every draw, and closely enough over a fixed set of them.

What is held is a function of a question and of options that returns a `Held`. When it fails, the code
that repeats the failure stands in the message; hypothesis has shrunk the question by then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import reject

TIGHT = 100  # how many times the error a bound may be in the median, to say something


@dataclass(frozen=True)
class Held:
    """An error against solving again, and the parts of its bound; all are 2-norms in units of lam.

    own_error: distance from what is approximated (the exact first order, say), at most `own`.
    apart: distance from the approximation's own definition in the reference, at most rounding.
    """

    error: float
    own_error: float
    remainder: float
    own: float
    rounding: float
    apart: float = 0.0

    @property
    def bound(self) -> float:
        """All parts together."""
        return self.remainder + self.own + self.rounding

    @property
    def holds(self) -> bool:
        """Whether error, own error and distance from the definition are within their bounds."""
        own = self.own_error <= self.own + self.rounding
        return self.error <= self.bound and own and self.apart <= self.rounding

    @property
    def ratios(self) -> tuple[float, float]:
        """Bound over error, whole and own; an error within rounding counts as that."""
        own = self.own + self.rounding
        return (
            self.bound / max(self.error, self.rounding),
            own / max(self.own_error, self.rounding),
        )


Holding = Callable[..., "Held | None"]


def holds(of: Holding, q: Any, **options: Any) -> None:
    """One draw; a question that the approximation does not answer (None) is not one."""
    found = of(q, **options)
    if found is None or not math.isfinite(found.own):
        reject()  # no bound: said and measured where it happens
    assert found.holds, report(of, q, found, options)


def says_something(
    of: Holding, questions: Iterable[Any], options: Iterable[dict[str, Any]], least: int = 8
) -> None:
    """Over fixed questions, options in turn: bounds hold, in the median at most TIGHT times the error."""
    options, ratios = list(options), []
    for i, q in enumerate(questions):
        chosen = options[i % len(options)]
        found = of(q, **chosen)
        if found is not None and math.isfinite(found.own):
            assert found.holds, report(of, q, found, chosen)
            ratios.append(found.ratios)
    assert len(ratios) >= least, f"only {len(ratios)} of the fixed questions have a bound"
    whole, own = np.median(ratios, axis=0)
    assert whole <= TIGHT, f"the bound is {whole:.3g} times the error in the median"
    assert own <= TIGHT, f"the own bound is {own:.3g} times the own error in the median"


def report(of: Holding, q: Any, found: Held, options: dict[str, Any]) -> str:
    """What is wrong, and code that shows it again."""
    return f"{found}\nis not within its bound {found.bound:.6g}; again:\n\n{code(of, q, options)}"


def code(of: Holding, q: Any, options: dict[str, Any]) -> str:
    """Lines that print the same `Held`."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return (
        "from properties.draw import question\n"
        f"from {of.__module__} import {of.__name__}\n"
        f"print({of.__name__}({q!r}{given}))\n"
    )
