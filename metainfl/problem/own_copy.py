"""Deep copies of what a user's module, loss or adaptation may hold."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def own_copy(thing: T, instead: Mapping[int, object] | None = None) -> T:
    """A deep copy that shares Python's modules with the original, as `self.F = torch.nn.functional` has one:
    they are one in each process, and cannot be copied. `instead` says by id what stands for what.
    """
    modules = {id(m): m for m in list(sys.modules.values())}
    return copy.deepcopy(thing, {**modules, **(instead or {})})
