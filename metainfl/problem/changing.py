"""What code changes by running, read off its instructions: this is no part of what a digest tells.

Names stand for things here, so it is a guess, on the side of leaving out: a name that any of the code writes
as an attribute, or changes in place (an item, `append`, `add_`), is taken for changing wherever it is used.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from typing import Any

LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD")
ITEMS = ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
LISTS = ("append", "appendleft", "extend", "insert", "remove", "pop", "popleft", "sort", "reverse")
METHODS = (*LISTS, "update", "add", "popitem", "clear", "setdefault", "discard", "fill")


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code, and that of functions within it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from nested(const)


def rebound(code: types.CodeType) -> set[str]:
    """Globals that are set."""
    return {i.argval for c in nested(code) for i in dis.get_instructions(c) if _sets(i)}


def _sets(i: dis.Instruction) -> bool:
    return i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")


def attributes(code: types.CodeType) -> set[str]:
    """Attributes that are set, but for a plain `self.name = ...`, which leaves the class as it is."""
    found = set()
    for inside in nested(code):
        before: dis.Instruction | None = None
        for i in dis.get_instructions(inside):
            loaded = (
                before.argval
                if before and before.opname.startswith(("LOAD_FAST", "LOAD_DEREF"))
                else None
            )
            owner: Any = loaded[-1] if isinstance(loaded, tuple) else loaded
            if i.opname == "STORE_ATTR" and owner != "self":
                found.add(i.argval)
            before = i
    return found


def mutated(code: types.CodeType) -> set[str]:
    """Names of what is changed in place: by a method, or where an item that is written begins with it."""
    found = set()
    for inside in nested(code):
        steps = list(dis.get_instructions(inside))
        items = {_start(i) for i in steps if i.opname in ITEMS} - {None}
        chain: list[str] = []
        for i in steps:
            if i.opname in LOADS and _start(i) in items:
                found.add(i.argval)
            if i.opname in ("LOAD_ATTR", "LOAD_METHOD") and _changes(i.argval):
                found |= set(chain)
            chain = [*chain, i.argval] if i.opname in LOADS else []
    return found


def _changes(method: str) -> bool:
    return method in METHODS or (method.endswith("_") and not method.startswith("_"))


def _start(i: dis.Instruction) -> tuple[int, int] | None:
    at = i.positions
    if at is None or at.lineno is None or at.col_offset is None:
        return None
    return at.lineno, at.col_offset
