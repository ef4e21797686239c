"""One function over a stack of tasks: a plain call for a single task, `vmap` for more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.func import vmap

from metainfl.problem.tasks import TaskView


def over_tasks(f: Callable[[TaskView, Any], Tensor], view: TaskView, state: Any) -> Tensor:
    """f(task, state) of every task of the stack (n, ...).

    A single task is not batched: convolutions whose weights are batched cost a third more on a CPU.
    """
    if len(view.query_x) > 1:
        stacked: Tensor = vmap(f)(view, state)
        return stacked
    return f(TaskView(*(t[0] for t in view)), tuple(t[0] for t in state))[None]


def saved_bytes(output: Tensor) -> int:
    """What the graph behind `output` keeps for its backward passes, each storage counted once."""
    seen: set[Any] = set()
    storages: dict[int, int] = {}
    names: dict[type, list[str]] = {}
    todo = [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = type(node)
        if kind not in names:
            names[kind] = [a for a in dir(node) if a.startswith("_saved_") or a == "saved_tensors"]
        for name in names[kind]:
            value = getattr(node, name)
            for t in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(t, Tensor) and not t._is_zerotensor():  # a zero that is not stored
                    storage = t.untyped_storage()
                    storages[storage.data_ptr()] = storage.nbytes()
        todo += [after for after, _ in node.next_functions]
    return sum(storages.values())
