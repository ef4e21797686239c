"""All that a problem, a run or tasks consist of, by name: what a call may not change of what it is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

CACHES = (
    "memory",
    "_state",
    "_plan",
    "_graph_bytes",
    "_batch",
    "peak",
    "recomputed",
    "_passing",
    "derivatives_hold",
    "slopes_hold",
    "start_looked_at",
)  # the own memory of a problem or a run, which every use of it fills


def contents(problem: Any) -> dict[str, Any]:
    """Everything that a problem consists of, by name; tensors are copied."""
    out: dict[str, Any] = {}
    own = {k.lstrip("_"): v for k, v in vars(problem).items() if k not in CACHES}
    for name, value in own.items():
        _collect(name, value, out, 0)
    return out


def changed(before: dict[str, Any], problem: Any) -> list[str]:
    """Names in `before` whose values the problem no longer has, and of what it has had since."""
    after = contents(problem)
    gone = [n for n, value in before.items() if n not in after or not same(value, after[n])]
    return gone + [f"{n} (new)" for n in after if n not in before]


def _collect(name: str, value: Any, out: dict[str, Any], depth: int) -> None:
    if isinstance(value, Tensor):
        out[name] = (value.detach().clone(), value.requires_grad, value.grad is not None)
    elif isinstance(value, nn.Module):
        for key, t in value.state_dict().items():
            out[f"{name}.{key}"] = t.detach().clone()
        out[f"{name} (training mode)"] = [m.training for m in value.modules()]
        out[f"{name} (hooks)"] = [_hooks(m) for m in value.modules()]
        out[f"{name} (requires_grad)"] = [t.requires_grad for t in value.parameters()]
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(f"{name}[{key!r}]", item, out, depth + 1)
    elif isinstance(value, (list, tuple)):
        out[f"{name} (length)"] = len(value)
        for i, item in enumerate(value):
            _collect(f"{name}[{i}]", item, out, depth + 1)
    elif type(value).__module__.startswith("metainfl") and hasattr(value, "__dict__") and depth < 6:
        out[f"{name} (kind)"] = type(value)
        for key, item in vars(value).items():
            if key not in CACHES:
                _collect(f"{name}.{key}", item, out, depth + 1)
    else:
        out[name] = value


def _hooks(module: nn.Module) -> list[str]:
    """The hooks that a module has, by kind and number."""
    own = ((k, v) for k, v in vars(module).items() if k.endswith("_hooks") and isinstance(v, dict))
    return [f"{k} {i}" for k, hooks in own for i in hooks]


def same(a: Any, b: Any) -> bool:
    """Whether two values are alike, NaN where NaN is; False where that cannot be told."""
    if isinstance(a, Tensor):
        if not isinstance(b, Tensor) or a.shape != b.shape or a.dtype != b.dtype:
            return False
        return (
            torch.equal(a.nan_to_num(), b.nan_to_num())
            if a.is_floating_point()
            else torch.equal(a, b)
        )
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:  # comparison is not defined: another object is another value
        return False
