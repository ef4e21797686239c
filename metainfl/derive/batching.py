"""One function over a stack of tasks: a plain call for a single task, `vmap` for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction
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


def nodes(output: Tensor) -> Iterator[Any]:
    """The operations of the graph behind `output`, each once."""
    seen: set[Any] = set()
    todo = [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [after for after, _ in node.next_functions]
            yield node


def in_python(output: Tensor) -> bool:
    """Whether a `torch.autograd.Function` is in that graph: its backward is code, not torch's own."""
    return any(isinstance(node, BackwardCFunction) for node in nodes(output))


def saved_bytes(output: Tensor) -> int:
    """What the graph behind `output` keeps for its backward passes, each storage counted once."""
    storages: dict[int, int] = {}
    names: dict[type, list[str]] = {}
    for node in nodes(output):
        kind = type(node)
        if kind not in names:
            names[kind] = [a for a in dir(node) if a.startswith("_saved_") or a == "saved_tensors"]
        for name in names[kind]:
            value = getattr(node, name)
            for t in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(t, Tensor) and not t._is_zerotensor():  # a zero that is not stored
                    storage = t.untyped_storage()
                    storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
