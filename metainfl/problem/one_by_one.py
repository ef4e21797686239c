"""Tasks given one by one, each a mapping of its tensors: stacked where they have one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.problem.dense import dense
from metainfl.problem.given import said
from metainfl.problem.ragged import SIDES, Ragged
from metainfl.problem.tasks import Tasks


def ragged(tasks: Sequence[Mapping[str, Tensor]]) -> Tasks:
    """Tasks from one mapping each: support_x (n_s, ...), support_y, query_x, query_y, and, where they
    are not 1, task_weight (), support_weight (n_s,), query_weight (n_q,). Sizes and ways may differ.
    """
    if not isinstance(tasks, Sequence):
        raise InvalidTasks(f"give a list of mappings, one a task, got {said(tasks)}")
    if len(tasks) == 0:
        raise InvalidTasks("no tasks: the list is empty")
    known = {*SIDES, "task_weight", "support_weight", "query_weight"}
    shapes: dict[Any, list[int]] = {}
    for k, one in enumerate(tasks):
        if not isinstance(one, Mapping):
            raise InvalidTasks(
                f"task {k} must be a mapping such as {{'support_x': ..., 'support_y': ..., 'query_x': ..., "
                f"'query_y': ...}}, got {said(one)}"
            )
        missing, extra = set(SIDES) - set(one), set(one) - known
        if missing or extra:
            what = f"lacks {sorted(missing)}" if missing else f"has unknown {sorted(extra)}"
            raise InvalidTasks(f"task {k} {what}")
        for name in one:
            dense(f"{name} of task {k}", one[name], InvalidTasks)
        _shapes_of_weights(k, one)
        key = tuple((tuple(one[name].shape), one[name].dtype) for name in SIDES)
        shapes.setdefault(key, []).append(k)
    groups = []
    for places in shapes.values():
        fields: dict[str, Tensor] = {n: torch.stack([tasks[k][n] for k in places]) for n in SIDES}
        for name, like in (("support_weight", "support_x"), ("query_weight", "query_x")):
            ones = fields["query_x"].new_ones(fields[like].shape[:2])
            fields[name] = torch.stack(
                [tasks[k].get(name, ones[a]).to(ones) for a, k in enumerate(places)]
            )
        unit = fields["query_x"].new_ones(())
        fields["task_weight"] = torch.stack(
            [tasks[k].get("task_weight", unit).to(unit) for k in places]
        )
        try:
            batch = Tasks(**fields)
        except InvalidTasks as error:
            raise InvalidTasks(f"tasks {places}: {error}") from error
        groups.append((torch.tensor(places, device=batch.query_x.device), batch))
    likes = {(t.like.dtype, t.like.device) for _, t in groups}
    if len(likes) > 1:
        raise InvalidTasks(f"tasks disagree on dtype or device: {sorted(map(str, likes))}")
    return groups[0][1] if len(groups) == 1 else Ragged(groups)


def _shapes_of_weights(k: int, one: Mapping[str, Tensor]) -> None:
    """`InvalidTasks` where a weight has not one number an instance, or a task."""
    for name, side in (
        ("task_weight", None),
        ("support_weight", "support_x"),
        ("query_weight", "query_x"),
    ):
        want = () if side is None else tuple(one[side].shape[:1])
        if name in one and tuple(one[name].shape) != want:
            raise InvalidTasks(
                f"{name} of task {k} must have shape {want}, got {tuple(one[name].shape)}"
            )
