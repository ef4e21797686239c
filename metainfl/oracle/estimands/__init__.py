"""What a method may claim to compute, one estimand a file.

Every module of this package that holds an `ESTIMAND` is found by itself: a new estimand is a new file
and touches no other. See `estimand` for what such a file says.
"""

from __future__ import annotations

import importlib
import pkgutil

from metainfl.errors import InvalidProblem
from metainfl.oracle.estimands.estimand import Estimand, Known


def _found() -> dict[str, Estimand]:
    """Every `ESTIMAND` of the package, by name."""
    out = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        own = getattr(importlib.import_module(module.name), "ESTIMAND", None)
        if isinstance(own, Estimand):
            out[own.name] = own
    return out


ESTIMANDS = _found()


def find(name: str) -> Estimand:
    """The estimand of that name. Raises `InvalidProblem` with the names that there are."""
    if name not in ESTIMANDS:
        raise InvalidProblem(f"unknown estimand {name!r}; one of {', '.join(sorted(ESTIMANDS))}")
    return ESTIMANDS[name]


__all__ = ["ESTIMANDS", "Estimand", "Known", "find"]
