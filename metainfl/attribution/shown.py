"""A task and its instances as plain data for the page: pictures or facts, targets, scores."""

from __future__ import annotations

from typing import Any

from metainfl.attribution.pictures import SHOWN, Pictures, facts, label
from metainfl.attribution.result import Attribution
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks


class Shown:
    """What is shown of the training tasks."""

    def __init__(self, tasks: Tasks, found: Attribution, pictures: Pictures | None) -> None:
        self.tasks, self.found, self.pictures = tasks, found, pictures
        mean = found.instance_scores.mean(1).tolist()
        self.scores = dict(zip(found.instances, mean, strict=True))

    def task(self, k: int) -> dict[str, Any]:
        """Score and interval, and both sides' instances, those of one class together."""
        own = self.tasks.select([k])
        sides = []
        for side in ("support", "query"):
            n = getattr(own, f"{side}_x").shape[1]
            listed = [Perturbation(side, k, j) for j in range(n)]
            listed = [p for p in listed if p in self.scores]
            if listed:
                shown = [self.instance(p) for p in listed[:SHOWN]]
                shown.sort(key=lambda i: str(i["label"]))
                sides.append({"side": side, "count": len(listed), "instances": shown})
        score = float(self.found.tasks[k].mean())
        half = self.found.half_width
        return {
            "name": self.found.names[k],
            "score": score,
            "half": None if half is None else float(half[k]),
            "place": self.found.order.index(k) + 1,
            "sides": sides,
        }

    def instance(self, p: Perturbation) -> dict[str, Any]:
        """One support or query instance."""
        own = self.tasks.select([p.task])
        x = getattr(own, f"{p.kind}_x")[0, p.instance]
        y = getattr(own, f"{p.kind}_y")[0, p.instance]
        return {
            "what": f"{self.found.names[p.task]}, {p.kind} {p.instance}",
            "label": label(y),
            "score": self.scores[p],
            "picture": None if self.pictures is None else self.pictures.of(x),
            "facts": facts(x),
        }
