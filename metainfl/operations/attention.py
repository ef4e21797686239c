"""Attention by torch's unfused kernel, which is made of elementary operations: the fused ones have no
second derivative.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from metainfl.operations.randomness import refuse


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    *rest: Any,
    **options: Any,
) -> Tensor:
    """Scaled dot products."""
    if dropout_p > 0:
        refuse("dropout in attention")()
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, *rest, **options
        )


def multi_head_attention(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
    """The same inside torch's multi-head attention."""
    given = _MULTI_HEAD.bind(*args, **kwargs).arguments
    if given["dropout_p"] > 0 and given.get("training", True):
        refuse("dropout in attention")()
    with sdpa_kernel(SDPBackend.MATH):
        return F.multi_head_attention_forward(*args, **kwargs)


_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)
ATTENTION: dict[Any, Callable[..., Any]] = {
    F.scaled_dot_product_attention: attention,
    F.multi_head_attention_forward: multi_head_attention,
}
