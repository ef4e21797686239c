"""Whether a problem holds code that is neither torch's nor ours: only there may a gradient be no derivative.

Layers of torch.nn and the operations in them are held to differences by the scan (`bench.operations`); what
a user wrote may call detach, no_grad, a torch.autograd.Function or a hook, whose gradients are whatever
they say. Such problems are differenced once before they are used (`preflight`).
"""

from __future__ import annotations

import functools
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
        or _foreign(type(problem.adaptation))
    )


def _model(model: Any) -> bool:
    if isinstance(model, (Linear, LinearEmbedding)):
        return False
    if not isinstance(model, FromModule):
        return True
    return any(map(_layer, model.module.modules()))


def _layer(layer: nn.Module) -> bool:
    ours = f"{type(layer).__module__}.".startswith(LAYERS)
    return not ours or any(getattr(layer, name, None) for name in HOOKS)


def _function(f: Any) -> bool:
    while isinstance(f, GuardedLoss):
        f = f.loss
    while isinstance(f, functools.partial):
        f = f.func
    if isinstance(f, nn.Module):
        return any(map(_layer, f.modules()))
    return isinstance(f, torch.jit.ScriptFunction) or _foreign(f)


def _foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] not in KNOWN
