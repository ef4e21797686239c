"""Functions that a call may put in the place of those of Python, numpy, scipy, torch or metainfl.

All of it is read without a change: `vars` of modules, never their attributes, which some load late.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import json
import math
import os
import pickle
import random
import sys
import time
import warnings
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy
import torch
from torch import nn

from metainfl import adaptation
from metainfl.derive.problem import Problem
from metainfl.problem.definition import Definition
from metainfl.problem.model import Linear, LinearEmbedding
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks

#: whose names belong to everyone
SHARED: tuple[Any, ...] = (
    builtins,
    copy,
    json,
    os,
    pickle,
    random,
    time,
    warnings,
    torch,
    torch.Tensor,
    torch.autograd,
    torch.func,
    torch.linalg,
    nn,
    nn.functional,
    nn.Linear,
    nn.Module,
    torch.optim,
    torch.optim.Adam,
    torch.optim.SGD,
    np,
    np.linalg,
    math,
    Definition,
    Problem,
    Tasks,
    Ragged,
    Perturbation,
    Linear,
    LinearEmbedding,
    *(kind for name in adaptation.__all__ if isinstance(kind := vars(adaptation)[name], type)),
)
#: the same, where they are in use
IN_USE = (
    "metainfl",
    "metainfl.adaptation",
    "metainfl.curvature",
    "metainfl.derive",
    "metainfl.influence",
    "metainfl.influence.removal",
    "metainfl.solve",
    "metainfl.training",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse.linalg",
    "scipy.special",
)
LIBRARIES = tuple(os.path.dirname(str(m.__file__)) + os.sep for m in (torch, np, scipy))
#: what was put aside; torch.jit knows functions by `id`, which another must not inherit
_KEPT: list[Any] = []
#: the names as they were looked at last
_FUNCTIONS: list[Any] = []


class Functions:
    """What the names of shared modules stand for; equal where every one of them still does."""

    def __init__(self, kept: Functions | None = None) -> None:
        modules = [sys.modules[name] for name in IN_USE if name in sys.modules]
        old = {} if kept is None else {id(where): names for where, names in kept.names}
        self.names: list[tuple[Any, dict[str, Any]]] = []
        for where in (*SHARED, *modules):
            names = old.get(id(where))
            same = names is not None and _alike(names, vars(where))
            self.names.append((where, names if names is not None and same else dict(vars(where))))

    @classmethod
    def now(cls) -> Functions:
        """Those of this moment; what is as it was when this was called last is not copied again."""
        _FUNCTIONS[:] = [cls(*_FUNCTIONS)]
        return _FUNCTIONS[0]

    def replaced(self, before: Functions) -> list[tuple[Any, str, Any]]:
        """Names, by module, of another callable than before, and that one; new ones are an import's."""
        here = {id(where): names for where, names in self.names}
        return [
            (where, name, value)
            for where, old in before.names
            if (new := here.get(id(where), old)) is not old
            for name, value in old.items()
            if new.get(name) is not value and callable(value) and not _librarys(new.get(name))
        ]

    def __eq__(self, other: object) -> bool:
        """Nothing replaced; `other` came first."""
        return isinstance(other, Functions) and not self.replaced(other)

    __hash__ = None  # type: ignore[assignment]

    def put(self) -> None:
        """Back to these."""
        for where, name, value in Functions.now().replaced(self):
            _KEPT.append(vars(where).get(name))
            with contextlib.suppress(Exception):
                setattr(where, name, value)


def _alike(old: dict[str, Any], new: Any) -> bool:
    """Whether nothing differs, quickly: what is the same object is not compared further."""
    try:
        return bool(old == new)
    except Exception:  # a tensor in place of another one
        return False


def _librarys(value: Any) -> bool:
    """Whether a library's own late import put it there, as torch._dynamo does with torch.manual_seed.

    torch.jit registers that one by its `id` alone: put back, its number went to another function, which
    was then compiled as a seed ("Arguments for call are not valid").
    """
    if isinstance(value, FunctionType):
        return value.__code__.co_filename.startswith(LIBRARIES)
    return isinstance(value, ModuleType)
