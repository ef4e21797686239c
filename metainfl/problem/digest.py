"""A digest of content, for what is found again on disk: different things have different ones, and equal
things equal ones in any process.

    tensors and arrays   shape, dtype and numbers;     containers   what they hold, order where they have one
    objects              class name and attributes;    a parameter that is trained counts by its shape alone
    functions            name, defaults and what they close over
    code                 of the user's own classes and functions, and of what they call (`code`); what is
                         installed is known by name
"""

from __future__ import annotations

import enum
import hashlib
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from metainfl.errors import InvalidProblem
from metainfl.problem.code import behind
from metainfl.problem.contents import parts
from metainfl.problem.definition import Definition

#: things that one digest looks into
MOST = 5_000_000
PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.device)


def digest(*things: Any) -> str:
    """32 hexadecimal digits. `InvalidProblem` for what refers to itself in too many ways to be told."""
    reading = _Reading()
    found = reading.of(things)
    code, known = set[bytes](), dict[int, Any]()
    while reading.coded:  # what methods close over may hold more of it
        known |= reading.coded
        now, reading.coded = reading.coded, {}
        code |= {reading.of(c) for c in behind(now.values())}
        reading.coded = {k: v for k, v in reading.coded.items() if k not in known}
    return _hash("all", found, *sorted(code)).hex()[:32]


def meaning(problem: Definition) -> tuple[Any, ...]:
    """What F is made of: all of a problem but lam, the known symmetry, and how it is computed."""
    s = problem.setting
    losses = s.inner_loss, problem.outer_loss
    regularisers = problem.outer_reg, float(problem.direct)
    return s.model, problem.tasks, problem.adaptation, losses, regularisers


class _Reading:
    """One digest on its way: what was met of code, and the digests of what was met whole.

    Most things are held in many places: what refers to nothing above it has one digest in all of them.
    """

    def __init__(self) -> None:
        #: classes and functions by their ids
        self.coded: dict[int, Any] = {}
        # by id, with the thing, so that no other takes its place
        self.known: dict[int, tuple[Any, bytes]] = {}
        self.met = 0

    def of(self, thing: Any, above: tuple[int, ...] = ()) -> bytes:
        """Of one thing; `above` are the ids of those that hold it, for cycles."""
        return self._of(thing, above)[0]

    def _of(self, thing: Any, above: tuple[int, ...]) -> tuple[bytes, bool]:
        """And whether it refers to one of them."""
        if isinstance(thing, PLAIN) and not isinstance(thing, enum.Enum):
            return _hash("plain", type(thing).__name__, repr(thing)), False
        if isinstance(thing, Tensor) or (
            isinstance(thing, np.ndarray) and not thing.dtype.hasobject
        ):
            return _numbers(thing), False
        if id(thing) in above:
            return _hash("above", str(above.index(id(thing)))), True
        if id(thing) in self.known:
            return self.known[id(thing)][1], False
        self._count(thing)
        here = (*above, id(thing))
        owner = thing if isinstance(thing, (type, types.FunctionType)) else type(thing)
        self.coded[id(owner)] = owner
        kind, held, ordered = parts(thing)
        each = [self._of(p, here) for p in held]
        found = [f for f, _ in each]
        whole = _hash(kind, *(found if ordered else sorted(found)))
        cyclic = any(c for _, c in each)
        if not cyclic:
            self.known[id(thing)] = thing, whole
        return whole, cyclic

    def _count(self, thing: Any) -> None:
        self.met += 1
        if self.met > MOST:
            raise InvalidProblem(
                f"a {type(thing).__qualname__} that the problem, a loss or an adaptation holds refers to "
                "itself in so many ways that its content cannot be told: hold what is needed of it alone"
            )


def _numbers(thing: Tensor | np.ndarray) -> bytes:
    if isinstance(thing, Tensor):
        shape, dtype = tuple(thing.shape), str(thing.dtype)
        if is_functorch_wrapped_tensor(thing):
            raise InvalidProblem(
                f"a loss, an adaptation or something that the module holds has kept a tensor {shape} that "
                "was computed while it was called, which is none outside of that call: do not store it there"
            )
        flat = thing.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        data: bytes | memoryview = flat.view(torch.uint8).numpy().data if flat.numel() else b""
    else:
        shape, dtype, data = thing.shape, str(thing.dtype), np.ascontiguousarray(thing).tobytes()
    return _hash("numbers", repr((shape, dtype)), data)


def _hash(*parts: str | bytes | memoryview) -> bytes:
    """Of parts, each with its length before it."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(f"{len(data)}:".encode())
        h.update(data)
    return h.digest()
