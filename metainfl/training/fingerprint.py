"""What a program is, as a short text: equal programs have equal ones, whatever holds them."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from metainfl.training.program import Program


def fingerprint(program: Program) -> str:
    """Of tasks, start, regulariser, model constants, and what the recipe comes to."""
    h, problem = hashlib.sha256(), program.problem
    for _, batch in problem.tasks.groups():
        for t in (*batch.view(), batch.w):
            _add(h, t)
    for t in (program.start.lam, *program.start.moments):
        _add(h, t)
    module = getattr(problem.setting.model, "module", None)
    if module is not None:
        for t in module.buffers():
            _add(h, t)
        for p in module.parameters():
            if not p.requires_grad:
                _add(h, p)
    own = (program.batches, program.rates, program.recipe.optimiser, program.recipe.clip)
    more = (program.recipe.reduction, program.start.steps, _text(problem.outer_reg), problem.direct)
    parts = adaptation_text(problem.adaptation)
    h.update(repr((own, more, parts)).encode())
    return h.hexdigest()[:32]


def adaptation_text(adaptation: object) -> tuple[str, ...]:
    """The adaptation's kind, and its own numbers."""
    return (
        type(adaptation).__name__,
        *(
            f"{k}={_text(v)}"
            for k, v in sorted(vars(adaptation).items())
            if isinstance(v, (int, float, str, Tensor))
        ),
    )


def _text(value: object) -> str:
    return str(value.tolist() if isinstance(value, Tensor) else value)


def _add(h: Any, t: Tensor) -> None:
    h.update(repr((tuple(t.shape), t.dtype)).encode())
    h.update(t.detach().cpu().contiguous().view(torch.uint8).numpy().data)
