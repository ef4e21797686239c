"""Influence functions for meta-learning, and the oracle that says whether an implementation is right.

A name is imported when it is first used, with the room it lives in: the command line asks for none of
them, and answers without torch. `_HOMES` says where each lives; type checkers read the same from the
imports below.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metainfl import curvature, solve
    from metainfl.adaptation import (
        NoAdaptation,
        Prototypes,
        Proximal,
        ProximalCG,
        ProximalRidge,
        RidgeHead,
        Unrolled,
    )
    from metainfl.derive import Problem, symmetry
    from metainfl.errors import (
        BranchLost,
        BrokenData,
        Interrupted,
        InvalidOption,
        InvalidProblem,
        InvalidTasks,
        MetainflError,
        MissingData,
        NotConverged,
        NotFinite,
        NotStationary,
        SingularHessian,
    )
    from metainfl.influence import Stored, influence, load, removal, save
    from metainfl.influence.scores import scores
    from metainfl.methods import (
        Method,
        direct_if,
        instance_if_query,
        instance_if_support,
        task_if,
        task_if_cg,
    )
    from metainfl.methods.claim import Claim, claims
    from metainfl.problem import (
        FromModule,
        Linear,
        LinearEmbedding,
        Perturbation,
        Tasks,
        cross_entropy,
        group,
        query,
        shift,
        squared,
        support,
        task,
    )

__all__ = [
    "BranchLost",
    "BrokenData",
    "Claim",
    "FromModule",
    "Interrupted",
    "InvalidOption",
    "InvalidProblem",
    "InvalidTasks",
    "Linear",
    "LinearEmbedding",
    "MetainflError",
    "Method",
    "MissingData",
    "NoAdaptation",
    "NotConverged",
    "NotFinite",
    "NotStationary",
    "Perturbation",
    "Problem",
    "Prototypes",
    "Proximal",
    "ProximalCG",
    "ProximalRidge",
    "RidgeHead",
    "SingularHessian",
    "Stored",
    "Tasks",
    "Unrolled",
    "claims",
    "cross_entropy",
    "curvature",
    "direct_if",
    "group",
    "influence",
    "instance_if_query",
    "instance_if_support",
    "load",
    "query",
    "removal",
    "save",
    "scores",
    "shift",
    "solve",
    "squared",
    "support",
    "symmetry",
    "task",
    "task_if",
    "task_if_cg",
]

_HOMES = {
    "metainfl": ("curvature", "solve"),
    "metainfl.adaptation": (
        "NoAdaptation",
        "Prototypes",
        "Proximal",
        "ProximalCG",
        "ProximalRidge",
        "RidgeHead",
        "Unrolled",
    ),
    "metainfl.derive": ("Problem", "symmetry"),
    "metainfl.errors": (
        "BranchLost",
        "BrokenData",
        "Interrupted",
        "InvalidOption",
        "InvalidProblem",
        "InvalidTasks",
        "MetainflError",
        "MissingData",
        "NotConverged",
        "NotFinite",
        "NotStationary",
        "SingularHessian",
    ),
    "metainfl.influence": ("Stored", "influence", "load", "removal", "save"),
    "metainfl.influence.scores": ("scores",),
    "metainfl.methods": (
        "Method",
        "direct_if",
        "instance_if_query",
        "instance_if_support",
        "task_if",
        "task_if_cg",
    ),
    "metainfl.methods.claim": ("Claim", "claims"),
    "metainfl.problem": (
        "FromModule",
        "Linear",
        "LinearEmbedding",
        "Perturbation",
        "Tasks",
        "cross_entropy",
        "group",
        "query",
        "shift",
        "squared",
        "support",
        "task",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public object or the room called `name`, imported now and kept."""
    home = _HOME.get(name, __name__)
    if home != __name__:
        value = getattr(import_module(home), name)
    elif not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module 'metainfl' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Everything public, also what has not been used yet."""
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `metainfl.influence` the function: importing the room of that name would replace it."""

    def __setattr__(self, name: str, value: Any) -> None:
        room = isinstance(value, ModuleType) and _HOME.get(name, __name__) != __name__
        if not room:
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
