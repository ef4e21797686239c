"""Tasks, problems and their parts in a line of words: sizes, not tensors."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def of_tasks(tasks: Any) -> str:
    """`Tasks(64 tasks, 5 support and 15 query instances a task, inputs (1, 28, 28), ...)`."""
    support, query = tasks.support_x.shape[1], tasks.query_x.shape[1]
    facts = [
        f"{len(tasks.query_x)} tasks",
        f"{support} support and {query} query instances a task",
        f"inputs {tuple(tasks.query_x.shape[2:])}",
        f"targets {tuple(tasks.query_y.shape[2:])} {_kind(tasks.query_y)}",
        f"{_kind(tasks.query_x)} on {tasks.query_x.device}",
    ]
    weights = tasks.task_weight, tasks.support_weight, tasks.query_weight
    if removed := sum(int((w == 0).sum()) for w in weights):
        facts.append(f"{removed} weights 0")
    return f"Tasks({', '.join(facts)})"


def of_problem(problem: Any) -> str:
    """Model, p, tasks, adaptation, losses, regularisers, and whether lam is set."""
    model = problem.setting.model
    shown = getattr(model, "module", None) or getattr(model, "model", None) or model
    inner, outer = _name(problem.setting.inner_loss), _name(problem.outer_loss)
    losses = f"loss {inner}" if inner == outer else f"inner loss {inner}, outer loss {outer}"
    facts = [
        f"model {_name(shown)} with p = {problem.n_meta}",
        str(problem.tasks),
        f"adaptation {of_part(problem.adaptation)}",
        losses,
        f"outer_reg {_value(problem.outer_reg)}, direct {_value(problem.direct)}",
        "lam not set" if problem._lam is None else "lam set",
    ]
    if problem.symmetry is not None:
        facts.append(f"symmetry {_name(problem.symmetry)}")
    return f"{type(problem).__name__}(\n  " + ",\n  ".join(facts) + ",\n)"


def of_part(part: Any) -> str:
    """`Unrolled(steps=3, rate=0.1, inner_reg=0.0)`: what a part was made with."""
    made = (f"{k}={_value(v)}" for k, v in vars(part).items() if not k.startswith("_"))
    return f"{type(part).__name__}({', '.join(made)})"


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        shape = tuple(value.shape)
        return f"{value.item():.6g}" if value.numel() == 1 else f"tensor {shape} {_kind(value)}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)
    return _name(value)


def _name(value: Any) -> str:
    return str(getattr(value, "__name__", None) or type(value).__name__)


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
