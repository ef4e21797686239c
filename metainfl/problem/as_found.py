"""A module left as it was found: what a call writes on it (features that it remembers, a counter, the weights
that torch's recurrent layers list a second time) belongs to that call. Kept, it would be a tensor of a
transform that has ended, which can be neither copied nor digested, and a later call could depend on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from weakref import WeakSet

from torch import nn

#: what torch keeps on every module: parameters and children, which a call is lent, buffers, and hooks
TORCHS = frozenset(vars(nn.Module())) - {"training"}
HOLDS = (dict, list, set, deque, tuple)
Saved = tuple[Any, Any]
#: modules that are being called, each by the one thread whose turn it is
OPEN: WeakSet[nn.Module] = WeakSet()


class AsFound:
    """While a module is called: attributes of it and its children, and what is in the dicts, lists, sets and
    deques among them, are put back afterwards, and buffers that were bound anew. Other objects that a module
    holds are not looked into. Calls within one that was entered before see what the others wrote.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.outermost = self.module not in OPEN
        if not self.outermost:
            return
        self.own = [(m.__dict__, _attributes(m.__dict__)) for m in self.module.modules()]
        self.held: list[Saved] = [(own["_buffers"], dict(own["_buffers"])) for own, _ in self.own]
        seen = set[int]()
        for _, attributes in self.own:
            for value in attributes.values():
                if isinstance(value, HOLDS):
                    self.held += _held(value, seen)
        OPEN.add(self.module)  # last: what is interrupted before was not entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.outermost:
            return
        OPEN.discard(self.module)
        for now, before in self.own:
            for name in now.keys() - before.keys() - TORCHS:
                del now[name]
            now.update(before)
        for container, before in self.held:
            container.clear()
            (container.extend if isinstance(container, (list, deque)) else container.update)(before)


def _attributes(own: dict[str, Any]) -> dict[str, Any]:
    return {n: own[n] for n in own.keys() - TORCHS}


def _held(value: Any, seen: set[int]) -> Iterator[Saved]:
    """The containers in a value, each with a copy of what is in it."""
    if not isinstance(value, HOLDS) or id(value) in seen:
        return
    seen.add(id(value))
    inside = list(value.values()) if isinstance(value, dict) else list(value)
    if not isinstance(value, tuple):
        yield value, dict(value) if isinstance(value, dict) else inside
    for one in inside:
        yield from _held(one, seen)
