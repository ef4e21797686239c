"""Whether a problem holds code that is neither torch's nor ours: only there may a gradient be no derivative.

Layers of torch.nn and the operations in them are held to differences by the scan (`bench.operations`); what
a user wrote may call detach, no_grad, a torch.autograd.Function or a hook, whose gradients are whatever
they say. Such problems are differenced once before they are used (`preflight`).
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from torch import nn

from metainfl.problem import Definition
from metainfl.problem.losses import Guarded as GuardedLoss
from metainfl.problem.model import FromModule, Linear, LinearEmbedding

KNOWN = ("torch", "metainfl", "metainfl_reference")
LAYERS = (
    "torch.nn.",
    "metainfl.",
)  # a scripted or traced module is torch's by type, and a user's by content
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def own_code(problem: Definition) -> bool:
    """Model, losses or adaptation are a user's own, or hooks hang on the model."""
    losses = (problem.outer_loss, problem.setting.inner_loss)
    return (
        _model(problem.setting.model)
        or any(_function(f) for f in losses)
        or foreign(type(problem.adaptation))
        or _holds_code(problem.adaptation)
    )


def _model(model: Any) -> bool:
    if isinstance(model, (Linear, LinearEmbedding)):
        return False
    if not isinstance(model, FromModule):
        return True
    return any(map(_layer, model.module.modules()))


def _layer(layer: nn.Module) -> bool:
    ours = f"{type(layer).__module__}.".startswith(LAYERS)
    return not ours or any(getattr(layer, name, None) for name in HOOKS) or _holds_code(layer)


def _holds_code(thing: Any) -> bool:
    """Whether a function of a user's is stored on it: a patched forward, an activation that was given."""
    for name, value in getattr(thing, "__dict__", {}).items():
        several = isinstance(value, (list, tuple)) and not name.startswith("_")
        for one in value if several else (value,):
            if isinstance(one, nn.Module) or not callable(one):
                continue
            while isinstance(one, functools.partial):
                one = one.func
            if not isinstance(one, types.BuiltinFunctionType) and foreign(one):
                return True
    return False


def _function(f: Any) -> bool:
    while isinstance(f, GuardedLoss):
        f = f.loss
    while isinstance(f, functools.partial):
        f = f.func
    if isinstance(f, nn.Module):
        return any(map(_layer, f.modules()))
    return isinstance(f, torch.jit.ScriptFunction) or foreign(f)


def foreign(thing: Any) -> bool:
    """Whether a type or a function is neither torch's nor ours."""
    home = getattr(thing, "__module__", None) or type(thing).__module__
    return str(home).partition(".")[0] not in KNOWN
