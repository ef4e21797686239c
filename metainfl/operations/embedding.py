"""Embeddings: rows of a weight, looked up. What torch's own do to gradients beside it is refused, because
no objective has such gradients: training may use them, a derivative may not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.operations.arguments import need, one_of


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """weight[input]. A sparse gradient is the same derivative, and taken dense.

    `nn.Embedding(padding_idx=...)` in a module is handled by `problem.snapshot`, which makes a constant
    of the row; a call with padding_idx from elsewhere is refused.
    """
    if padding_idx is not None:
        raise InvalidProblem(
            f"F.embedding(padding_idx={padding_idx}) gives a row no gradient on which outputs depend; leave "
            "padding_idx out and multiply by a mask, or use nn.Embedding, whose row is held constant"
        )
    _refuse(max_norm, scale_grad_by_freq)
    return _rows(input, weight)


def _rows(input: Tensor, weight: Tensor) -> Tensor:
    """weight[input]; no input depends on no weight, and torch's batched derivative fails there."""
    if not input.numel():
        return weight.new_zeros(*input.shape, weight.shape[1])
    return F.embedding(input, weight)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of rows of the weight, one bag a row of input (bags, entries).

    Entries at padding_idx are left out of their bag, which is a derivative; torch's own has no second.
    """
    _refuse(max_norm, scale_grad_by_freq)
    if offsets is not None:
        raise InvalidProblem(
            "embedding_bag with offsets cannot be batched over tasks; give bags of one length, (bags, "
            "entries), filled up with padding_idx"
        )
    _bags(input, len(weight), mode, per_sample_weights, padding_idx)
    rows = _rows(input, weight)
    if padding_idx is None:
        present = torch.ones_like(input, dtype=torch.bool)
    else:
        present = input != padding_idx % len(weight)
    if mode == "max":
        void = ~present.any(1, keepdim=True)
        bags = rows.masked_fill(~present[..., None], -torch.inf).amax(1)
        return bags.masked_fill(void, 0.0)
    weights = present.to(rows.dtype)
    if per_sample_weights is not None:
        weights = weights * per_sample_weights
    total = (weights[..., None] * rows).sum(1)
    return total / present.sum(1, keepdim=True).clamp(min=1) if mode == "mean" else total


def _bags(
    input: Tensor, n: int, mode: str, weights: Tensor | None, padding_idx: int | None
) -> None:
    """What torch refuses of them."""
    one_of(mode, ("sum", "mean", "max"), "the mode of embedding_bag")
    shape = tuple(input.shape)
    need(len(shape) == 2, "embedding_bag", "bags of one length, (bags, entries)", shape)
    if weights is not None:
        need(mode == "sum", "embedding_bag with per_sample_weights", "mode 'sum'", repr(mode))
        own = tuple(weights.shape)
        need(own == shape, "embedding_bag", f"per_sample_weights of the input's shape {shape}", own)
    if padding_idx is not None:
        fits = -n <= padding_idx < n
        need(fits, "embedding_bag", f"padding_idx from {-n} to {n - 1}", padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """One-hot vectors (..., num_classes): torch's own looks at its input, which cannot be batched."""
    if num_classes < 1:
        raise InvalidProblem(
            "F.one_hot in a model or loss needs num_classes: tasks may not see every class"
        )
    plain = tensor
    while torch._C._functorch.is_functorch_wrapped_tensor(plain):
        plain = torch._C._functorch.get_unwrapped(plain)
    low, high = (int(plain.min()), int(plain.max())) if plain.numel() else (0, 0)
    if low < 0 or high >= num_classes:
        raise InvalidProblem(
            f"F.one_hot of {num_classes} classes was given classes {low} to {high}"
        )
    return (tensor[..., None] == torch.arange(num_classes, device=tensor.device)).long()


def _refuse(max_norm: float | None, scale_grad_by_freq: bool) -> None:
    if max_norm is not None:
        raise InvalidProblem(
            f"an embedding with max_norm={max_norm} changes its own weight in forward; renormalise in the "
            "model (weight / weight.norm(...)), or leave max_norm out"
        )
    if scale_grad_by_freq:
        raise InvalidProblem(
            "an embedding with scale_grad_by_freq divides gradients by counts: they are no derivatives; "
            "build it without, and put the counts into the loss"
        )


EMBEDDING: dict[Any, Callable[..., Any]] = {
    F.embedding: embedding,
    F.embedding_bag: embedding_bag,
    F.one_hot: one_hot,
}
