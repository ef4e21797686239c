"""Games of a problem: the utility of a value of subsets, and what its values depend on.

The store of such a game is told a digest, so that a file of other data, weights or targets is refused.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.games.game import Masks
from metainfl.games.players import Players
from metainfl.games.target import Target
from metainfl.games.utility import Utility


class Value(Protocol):
    """Mask -> v(S), and whose mask it is."""

    players: Players

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        ...


def game_of(
    value: Value, problem: Problem, target: Target, kind: str, options: dict[str, Any]
) -> Utility:
    """The utility; its identity is that of the caller beside the problem's.

    A target that is a function cannot be read: with a store it needs an identity from the caller.
    """
    told = str(options.pop("identity", ""))
    if told or not callable(target):
        told = f"{identity_of(problem, target, value.players.players, kind)} {told}".rstrip()
    return Utility(value, len(value.players), identity=told, **options)


def identity_of(problem: Problem, *more: Any) -> str:
    """A digest of what values of a problem's subsets depend on: data, weights, lam, parts, and `more`.

    Code of a model or a loss is known by its name alone: change it, and change the store.
    """
    h = hashlib.sha256()
    things: list[Any] = [repr(problem), problem.outer_reg, problem._lam, *_tensors(problem.tasks)]
    things += [v for _, v in sorted(vars(problem.adaptation).items())]
    module = getattr(problem.setting.model, "module", None)
    if isinstance(module, torch.nn.Module):
        things += [*module.parameters(), *module.buffers()]
    for m in more:
        things += _tensors(m) if hasattr(m, "groups") else [m]
    for t in things:
        if isinstance(t, Tensor):
            h.update(repr((tuple(t.shape), t.dtype)).encode())
            h.update(t.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        elif isinstance(t, (int, float, str, tuple, type(None))):
            h.update(repr(t).encode())
        else:
            h.update(str(getattr(t, "__qualname__", type(t).__qualname__)).encode())
    return h.hexdigest()[:32]


def _tensors(tasks: Any) -> list[Tensor]:
    return [t for _, batch in tasks.groups() for t in (*batch.view(), batch.w)]
