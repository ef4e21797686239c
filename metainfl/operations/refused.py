"""Operations whose derivative torch gets wrong without a word, and for which there is no formula here.

eigvals, eig             wrong where vectors are batched inside tasks; eigenvectors have no derivative there
scatter_reduce, "prod"   forward mode takes every source of a place for the only one
ctc_loss                 its gradient is that of inputs behind a log-softmax, whatever they are, and it has
                         no second one
torch.ops.aten._*        private: torch's own functions call them and put right what they return
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._ops import OpOverload, OpOverloadPacket

from metainfl.errors import NotDerived


def refuse(name: str, why: str, instead: str) -> Callable[..., Any]:
    """A stand-in that says so."""

    def call(*args: Any, **kwargs: Any) -> Any:
        raise NotDerived(f"the model, a loss or the adaptation calls {name}: {why}; {instead}")

    return call


def _scatter_reduce(theirs: Callable[..., Any]) -> Callable[..., Any]:
    refused = refuse(
        "scatter_reduce with reduce='prod'",
        "torch's forward derivative of it is wrong where a place has more than one source",
        "multiply along a dimension (torch.prod), or add logarithms with index_add",
    )

    def call(*args: Any, **kwargs: Any) -> Any:
        kind = kwargs.get("reduce", args[4] if len(args) > 4 else None)
        return refused() if kind == "prod" else theirs(*args, **kwargs)

    return call


_eigenvalues = refuse(
    "eigenvalues of a matrix that need not be symmetric",
    "torch's derivative of them is wrong where vectors are batched",
    "where the matrix is symmetric, take torch.linalg.eigvalsh or eigh",
)
_ctc = refuse(
    "ctc_loss",
    "torch has no second derivative of it, and its first holds behind a log_softmax only",
    "write the sum over alignments in elementary operations (logsumexp)",
)

REFUSED: dict[Any, Callable[..., Any]] = {
    torch.linalg.eigvals: _eigenvalues,
    torch.linalg.eig: _eigenvalues,
    torch.scatter_reduce: _scatter_reduce(torch.scatter_reduce),
    Tensor.scatter_reduce: _scatter_reduce(Tensor.scatter_reduce),
    torch.ctc_loss: _ctc,
    F.ctc_loss: _ctc,
}


def address(func: Any) -> str | None:
    """The name of an operator that is called by its address (torch.ops.aten.*); None for any other."""
    if not isinstance(func, (OpOverload, OpOverloadPacket)):
        return None
    return str(func.__name__).partition(".")[0]


def private(func: Any) -> bool:
    """Whether this is one of torch's private operators, called by its address."""
    return (address(func) or "").startswith("_")


def refuse_private(func: Any) -> Callable[..., Any]:
    """The stand-in for it."""
    return refuse(
        f"torch's private operator {func}",
        "what it returns has no derivative by itself that can be relied on",
        "call the public function that stands for it",
    )
