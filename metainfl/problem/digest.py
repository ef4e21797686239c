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

PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.device)


def digest(*things: Any) -> str:
    """32 hexadecimal digits."""
    coded: dict[int, Any] = {}
    found = _of(things, (), coded)
    code, known = set[bytes](), dict[int, Any]()
    while coded:  # what methods close over may hold more of it
        known |= coded
        more: dict[int, Any] = {}
        code |= {_of(c, (), more) for c in behind(coded.values())}
        coded = {k: v for k, v in more.items() if k not in known}
    return _hash("all", found, *sorted(code)).hex()[:32]


def meaning(problem: Definition) -> tuple[Any, ...]:
    """What F is made of: all of a problem but lam, the known symmetry, and how it is computed."""
    s = problem.setting
    losses = s.inner_loss, problem.outer_loss
    regularisers = problem.outer_reg, float(problem.direct)
    return s.model, problem.tasks, problem.adaptation, losses, regularisers


def _of(thing: Any, above: tuple[int, ...], coded: dict[int, Any]) -> bytes:
    """Of one thing; `above` are the ids of those that hold it, for cycles.

    The classes and functions that are met on the way are put into `coded`.
    """
    if isinstance(thing, PLAIN) and not isinstance(thing, enum.Enum):
        return _hash("plain", type(thing).__name__, repr(thing))
    if isinstance(thing, Tensor) or (isinstance(thing, np.ndarray) and not thing.dtype.hasobject):
        return _numbers(thing)
    if id(thing) in above:
        return _hash("above", str(above.index(id(thing))))
    above = (*above, id(thing))
    owner = thing if isinstance(thing, (type, types.FunctionType)) else type(thing)
    coded[id(owner)] = owner
    kind, held, ordered = parts(thing)
    found = [_of(p, above, coded) for p in held]
    return _hash(kind, *(found if ordered else sorted(found)))


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
