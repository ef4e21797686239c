"""Removals done for real, beside what the scores predicted of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metainfl.problem.magnitude import norm
from metainfl.training.scores import Reruns


@dataclass(frozen=True)
class Confirmation:
    """Removals done for real beside their predictions: changes of the mean loss of the targets.

    Removed were single tasks, and last the most harmful ones together (`together`). `first_run`: scores are
    means over runs, but these removals are the first run's, and predicted by its own scores.
    """

    tasks: tuple[int, ...]
    together: tuple[int, ...]
    reruns: Reruns
    first_run: bool = False

    def rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Plain data, one removal a row."""
        what = [names[k] for k in self.tasks]
        if self.together:
            what.append(f"the {len(self.together)} most harmful together")
        predicted, true = self.reruns.predicted.mean(1), self.reruns.true.mean(1)
        return [
            {"removed": w, "predicted": float(a), "true": float(b)}
            for w, a, b in zip(what, predicted, true, strict=True)
        ]

    @property
    def error(self) -> float:
        """|predicted - true| / |true| over the single removals; above 1, "no change" would be nearer."""
        n = len(self.tasks)
        predicted, true = (a[:n].mean(1) for a in (self.reruns.predicted, self.reruns.true))
        size = norm(true)
        return norm(predicted - true) / size if size else math.inf

    def __str__(self) -> str:
        """How well the predictions agree, over the single removals."""
        n = len(self.tasks)
        single = Reruns(
            self.reruns.perturbations[:n],
            self.reruns.predicted[:n].mean(1, keepdim=True),
            self.reruns.true[:n].mean(1, keepdim=True),
        )
        more = f", and the {len(self.together)} most harmful at once" if self.together else ""
        more += "; all of the first run, whose own scores predict them" if self.first_run else ""
        return (
            f"{single}; predictions off by {self.error:.0%} of the true changes (one by one{more})"
        )
