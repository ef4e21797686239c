"""What the tensors and weights of tasks must be, or a word on what does not fit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.problem.dense import dense
from metainfl.problem.moving import copied


def tensor(name: str, t: Any) -> Tensor:
    """A copy of inputs or targets (tasks, instances, ...), finite and precise enough."""
    dense(name, t, InvalidTasks)
    if t.ndim < 2:
        raise InvalidTasks(f"{name} must be (tasks, instances, ...), got {tuple(t.shape)}")
    if name.endswith("_x") and not t.is_floating_point():
        raise InvalidTasks(f"{name} must be floating point, got {t.dtype}; call .double()")
    if t.is_floating_point() and t.dtype not in (torch.float32, torch.float64):
        raise InvalidTasks(
            f"{name} is {t.dtype}, in which second derivatives are rounding; give {name}.float() "
            "or .double()"
        )
    if t.is_floating_point() and not torch.isfinite(t).all():
        where = torch.nonzero(~torch.isfinite(t))[0].tolist()
        raise InvalidTasks(f"{name} is not finite at index {where}; clean or drop it")
    return copied(t)


def agree(support_x: Tensor, support_y: Tensor, query_x: Tensor, query_y: Tensor) -> None:
    """As many tasks on both sides, as many targets as inputs, and one shape of each."""
    kinds = {t.dtype for t in (support_x, query_x)}
    if len(kinds) > 1:
        raise InvalidTasks(
            f"support inputs are {support_x.dtype} but query inputs {query_x.dtype}: give both in one, "
            "which everything is computed in"
        )
    for name, y in (("support_y", support_y), ("query_y", query_y)):
        if y.dtype == torch.float64 and query_x.dtype == torch.float32:
            raise InvalidTasks(
                f"{name} is {y.dtype} but inputs are {query_x.dtype}, which everything is computed in: give "
                f"inputs .double(), or {name}.float()"
            )
    n = {len(support_x), len(support_y), len(query_x), len(query_y)}
    if len(n) > 1:
        raise InvalidTasks(f"support and query disagree on the number of tasks: {sorted(n)}")
    if len(query_x) == 0:
        raise InvalidTasks("no tasks: the first dimension is empty")
    if query_x.shape[1] == 0:
        raise InvalidTasks("tasks have no query instances: nothing is left to minimise")
    for side, x, y in (("support", support_x, support_y), ("query", query_x, query_y)):
        if x.shape[1] != y.shape[1]:
            raise InvalidTasks(f"{side} has {x.shape[1]} inputs but {y.shape[1]} targets a task")
    if support_x.shape[2:] != query_x.shape[2:]:
        raise InvalidTasks(
            f"support inputs have shape {tuple(support_x.shape[2:])} but query inputs "
            f"{tuple(query_x.shape[2:])}"
        )
    if support_y.shape[2:] != query_y.shape[2:]:
        raise InvalidTasks(
            f"support targets have shape {tuple(support_y.shape[2:])} but query targets "
            f"{tuple(query_y.shape[2:])}"
        )


def weights(name: str, w: Any, shape: torch.Size, like: Tensor) -> Tensor:
    """A copy of weights of this shape, finite and not negative; ones where none are given."""
    if w is None:
        with torch.inference_mode(False):
            return like.new_ones(shape)
    if dense(name, w, InvalidTasks).shape != shape:
        raise InvalidTasks(f"{name} must have shape {tuple(shape)}, got {tuple(w.shape)}")
    own = copied(w).to(like)
    if not torch.isfinite(w).all() or (w < 0).any():
        raise InvalidTasks(f"{name} must be finite and not negative; removal is weight 0")
    lost = ~torch.isfinite(own) | ((own == 0) & (w.to(own.device) > 0))
    if lost.any():
        where = torch.nonzero(lost)[0].tolist()
        was, now = float(w[tuple(where)]), float(own[tuple(where)])
        raise InvalidTasks(
            f"{name} is {was:.3g} at index {where}, which is {now} in {like.dtype}, as "
            "the inputs are: scale the weights, or give inputs in float64"
        )
    return own
