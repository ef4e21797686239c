"""Attention in elementary operations: torch's fused kernels have no second derivative, and choosing the
unfused one by `sdpa_kernel` would change it for the whole process.

    softmax(q k' scale + mask) v,  scale = 1 / sqrt(features)
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.operations.randomness import refuse


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Of queries (..., l, d), keys (..., s, d) and values (..., s, e): (..., l, e).

    A row whose keys are all masked gives 0, as torch's own does.
    """
    if dropout_p > 0:
        refuse("dropout in attention")()
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        causal = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
        attn_mask = causal if attn_mask is None else attn_mask & causal
    if attn_mask is None:
        return scores.softmax(-1) @ value
    bias = attn_mask
    if attn_mask.dtype == torch.bool:
        bias = torch.zeros_like(attn_mask, dtype=scores.dtype).masked_fill(~attn_mask, -math.inf)
    scores = scores + bias
    # -inf everywhere would be 0/0: such rows are made finite before, and zero after
    void = (scores == -math.inf).all(-1, keepdim=True)
    weights = scores.masked_fill(void, 0.0).softmax(-1).masked_fill(void, 0.0)
    return weights @ value


def multi_head_attention(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
    """torch's multi-head attention in the form that returns its weights: products and a softmax."""
    given = _MULTI_HEAD.bind(*args, **kwargs)
    given.apply_defaults()
    options = given.arguments
    if options["dropout_p"] > 0 and options["training"]:
        refuse("dropout in attention")()
    wanted = options["need_weights"]
    options["need_weights"] = True
    out, weights = F.multi_head_attention_forward(*given.args, **given.kwargs)
    return out, weights if wanted else None


_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)
ATTENTION: dict[Any, Callable[..., Any]] = {
    F.scaled_dot_product_attention: attention,
    F.multi_head_attention_forward: multi_head_attention,
}
