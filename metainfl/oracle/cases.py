"""Cases by name: generated problems of a family, and the digits."""

from __future__ import annotations

from functools import lru_cache

from metainfl.data import digit_tasks
from metainfl.oracle.case import Case
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import small


def small_case(name: str, seed: int = 0, **changes: float) -> Case:
    """A generated problem of the named family."""
    extra = "".join(f", {k}={v!r}" for k, v in changes.items())
    code = f"metainfl.oracle.small_case({name!r}, {seed}{extra})"
    return Case(f"{name}[{seed}]", small(name, seed, **changes), code)


cached_case = lru_cache(maxsize=512)(small_case)


def digits_case(components: int = 32, shots: int = 5, queries: int = 5, seed: int = 0) -> Case:
    """All 252 five-way digit tasks as proximal ridge: every removal is exact."""
    episodes = digit_tasks(components=components, shots=shots, queries=queries, seed=seed)
    family = FAMILIES["proximal_ridge"](episodes, d_in=1.0, d_out=1.0)
    code = f"metainfl.oracle.digits_case({components}, {shots}, {queries}, {seed})"
    return Case("digits (252 tasks)", family, code)
