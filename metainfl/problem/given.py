"""Numbers, tensors and symmetries that a user gives a problem, or a word on what they are not."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.numbers import said as said
from metainfl.problem.dense import dense


def number(value: Any, name: str) -> float:
    """A finite number that is not negative."""
    told = f"{name} must be a number, finite and not negative, got {said(value)}"
    if isinstance(value, str):
        raise InvalidProblem(told)
    try:
        found = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidProblem(told) from error
    if not (math.isfinite(found) and found >= 0):
        raise InvalidProblem(told)
    return found


def chunk_size(value: Any) -> int | None:
    """How many tasks at a time, a whole number; None leaves it to the plan."""
    if value is None:
        return None
    try:
        whole = int(value) == value and value >= 1
    except (TypeError, ValueError, RuntimeError, OverflowError):
        whole = False
    if not whole:
        raise InvalidProblem(f"chunk must be a whole number, at least 1, got {said(value)}")
    return int(value)


def kept_bytes(value: Any) -> Any:
    """How much may be kept: a number of bytes, infinity allowed."""
    try:
        good = bool(value >= 0)
    except (TypeError, ValueError, RuntimeError):
        good = False
    if not good:
        raise InvalidProblem(f"keep is a number of bytes, not negative; got {said(value)}")
    return value


def vector(value: Any, n: int, name: str) -> Tensor:
    """A real, finite tensor (n,)."""
    if not isinstance(value, Tensor):
        raise InvalidProblem(
            f"{name} must be a torch tensor ({n},), got {said(value)}: use torch.as_tensor"
        )
    if value.is_complex():
        raise InvalidProblem(f"{name} must be real, got {value.dtype}: give its real part")
    dense(name, value)
    if value.shape != (n,):
        raise InvalidProblem(f"{name} must have shape ({n},), got {tuple(value.shape)}")
    if not torch.isfinite(value).all():
        place = int((~torch.isfinite(value)).nonzero()[0])
        raise InvalidProblem(f"{name} is not finite at index {place}")
    return value


def precision(value: Any, n: int) -> float | Tensor:
    """The outer regulariser: a number, or one precision a meta-parameter (n,)."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        many = getattr(value, "__len__", None) is not None and getattr(value, "ndim", 1) > 0
        if not isinstance(value, Tensor) and many:
            raise InvalidProblem(
                f"outer_reg must be a number or a torch tensor ({n},), one precision a meta-parameter; "
                f"got {said(value)}"
            )
        return number(value, "outer_reg")
    if value.is_nested:
        dense("outer_reg", value)
    if value.shape != (n,):
        raise InvalidProblem(
            f"outer_reg is a number or one precision a meta-parameter ({n},), got shape "
            f"{tuple(value.shape)}"
        )
    found = vector(value, n, "outer_reg")
    if not (found >= 0).all():
        place = int((found < 0).nonzero()[0])
        raise InvalidProblem(
            f"outer_reg must not be negative, got {float(found[place])} at index {place}"
        )
    return found


def tangent(symmetry: Any, lam: Tensor) -> Tensor:
    """The directions (p, f) that a symmetry gives at lam."""
    if not callable(symmetry):
        raise InvalidProblem(
            f"symmetry must be a function of lam, such as metainfl.symmetry.orthogonal(rank), got "
            f"{said(symmetry)}"
        )
    found = symmetry(lam)
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(lam):
        shape = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else said(found)
        raise InvalidProblem(
            f"symmetry must return directions ({len(lam)}, f), one a column, got {shape}"
        )
    if found.is_complex():
        raise InvalidProblem(
            f"symmetry must return real directions, as lam is {lam.dtype}, got {found.dtype}: make them "
            "with lam.new_zeros"
        )
    found = dense("what symmetry returned", found).to(lam)
    if not torch.isfinite(found).all():
        raise InvalidProblem("symmetry returned directions that are not finite at lam")
    return found
