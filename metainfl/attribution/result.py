"""The answer as a value: scores by task and by instance, how they were found, and whether to doubt them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from metainfl.attribution.confirmation import Confirmation
from metainfl.problem.perturbation import Perturbation
from metainfl.training.smoothness import NONE


@dataclass(frozen=True, eq=False)
class Attribution:
    """Scores: the change of a target's loss by a removal. Positive: the data helped; negative: they hurt.

    tasks       (T, m): row k is training task k; nan-free, 0 for a task of weight 0
    instances   perturbations and their scores (n, m)
    half_width  of an interval of the tasks' means over targets (T,), or None
    of_instances  what the scores of instances are, where they are no removals
    """

    estimator: str
    why: str
    exact: bool
    facts: dict[str, str]
    names: tuple[str, ...]
    tasks: Tensor
    instances: tuple[Perturbation, ...]
    instance_scores: Tensor
    losses: Tensor
    half_width: Tensor | None = None
    interval: str = ""
    of_instances: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    confirmation: Confirmation | None = None

    @property
    def doubt(self) -> str:
        """Why nothing should be removed by these scores; "" where nothing speaks against it."""
        if self.confirmation is not None and self.confirmation.error > 1:
            off = f"{self.confirmation.error:.0%}"
            return (
                f"Removals done for real were off by {off} of their size: these scores predict them worse "
                "than no change at all would"
            )
        if self.confirmation is None and NONE in self.facts.get("smooth", ""):
            return "The run is not smooth, and no removal was done for real: --reruns 5 does some"
        return ""

    @property
    def order(self) -> list[int]:
        """Tasks, the most harmful first."""
        return torch.argsort(self.tasks.mean(1), stable=True).tolist()

    @property
    def instance_order(self) -> list[int]:
        """Places in `instances`, the most harmful first."""
        return torch.argsort(self.instance_scores.mean(1), stable=True).tolist()

    def harmful(self, n: int) -> list[int]:
        """At most n tasks with a score below 0, the worst first."""
        mean = self.tasks.mean(1)
        return [k for k in self.order[:n] if mean[k] < 0]

    def helpful(self, n: int) -> list[int]:
        """At most n tasks with a score above 0, the best first."""
        mean = self.tasks.mean(1)
        return [k for k in self.order[::-1][:n] if mean[k] > 0]

    def instances_of(self, k: int) -> list[tuple[Perturbation, float]]:
        """Instances of task k and their mean scores, the most harmful first."""
        mean = self.instance_scores.mean(1).tolist()
        own = [(p, s) for p, s in zip(self.instances, mean, strict=True) if p.task == k]
        return sorted(own, key=lambda x: x[1])

    def task_rows(self) -> list[dict[str, Any]]:
        """One a training task, the most harmful first: rank, task, name, score, interval, each target's."""
        mean = self.tasks.mean(1).tolist()
        rows = []
        for rank, k in enumerate(self.order):
            row: dict[str, Any] = {
                "rank": rank + 1,
                "task": k,
                "name": self.names[k],
                "score": mean[k],
            }
            if self.half_width is not None:
                row["+-"] = float(self.half_width[k])
            if self.tasks.shape[1] > 1:
                row |= {f"target {t}": v for t, v in enumerate(self.tasks[k].tolist())}
            rows.append(row)
        return rows

    def instance_rows(self) -> list[dict[str, Any]]:
        """One an instance, the most harmful first."""
        mean = self.instance_scores.mean(1)
        return [
            {
                "rank": r + 1,
                "task": self.instances[i].task,
                "side": self.instances[i].kind,
                "instance": self.instances[i].instance,
                "score": float(mean[i]),
            }
            for r, i in enumerate(self.instance_order)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "estimator": self.estimator,
            "why": self.why,
            "exact": self.exact,
            "score": "change of the target's loss when the data are removed: negative = they hurt it",
            "instance_score": self.of_instances,
            "facts": self.facts,
            "target_losses": self.losses.tolist(),
            "interval": self.interval,
            "doubt": self.doubt,
            "seconds": self.seconds,
            "tasks": self.task_rows(),
            "confirmation": None
            if self.confirmation is None
            else {
                "rows": self.confirmation.rows(self.names),
                "words": str(self.confirmation),
            },
        }
