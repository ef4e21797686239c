"""Whether tasks, a problem's own or others, are such that its model and its adaptation can work with them."""

from __future__ import annotations

from metainfl.errors import InvalidProblem
from metainfl.problem.adaptation import Adaptation, Setting
from metainfl.problem.failing import at
from metainfl.problem.tasks import Tasks


def require_suited(s: Setting, adaptation: Adaptation, tasks: Tasks) -> None:
    """`InvalidProblem` for instances of weight 0 that would count in the statistics of a batch, and what the
    adaptation says to its targets and weights.
    """
    layer = getattr(s.model, "batch_statistics", None)
    for places, batch in tasks.groups():
        if layer is not None and any((t == 0).any() for t in batch.view()[4:]):
            raise InvalidProblem(
                f"an instance has weight 0 (padding, or removed), but layer {layer!r} normalises with the "
                "statistics of its batch, in which it would still count: leave it out of the tasks, or "
                "normalise instance by instance (LayerNorm, GroupNorm)"
            )
        with at(places):
            adaptation.check(s, batch)
