"""Vectors that H is multiplied by, as a caller gives them: looked at before anything is computed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.derive.modes import require_constant, require_plain
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem.dense import dense

NAME = "vectors to be multiplied by H"


def multiplied(vectors: Any, lam: Tensor) -> Tensor:
    """V (p,) or (p, k) in the precision of lam (p,), real, finite and not being differentiated."""
    p = len(lam)
    if not isinstance(vectors, Tensor):
        raise InvalidProblem(
            f"{NAME} are a torch tensor ({p},) or ({p}, k), got {type(vectors).__name__}: use "
            "torch.as_tensor"
        )
    if vectors.is_complex():
        raise InvalidProblem(
            f"{NAME} must be real, got {vectors.dtype}: multiply real and imaginary parts"
        )
    dense(NAME, vectors)
    if vectors.ndim not in (1, 2) or len(vectors) != p:
        raise InvalidProblem(f"{NAME} are ({p},) or ({p}, k), got {tuple(vectors.shape)}")
    require_constant(vectors)
    require_plain(lam)  # before the vectors take after it
    own = vectors.to(lam)
    if not torch.isfinite(own).all():
        raise NotFinite("the vector to be multiplied by H is not finite", quantity="vector")
    return own


def rows_of(vectors: Tensor) -> Tensor:
    """V (p,) or (p, k) as rows (k, p), each in one piece: what is computed from transposed ones would be
    transposed too, and slower.
    """
    return vectors.reshape(len(vectors), -1).T.contiguous()
