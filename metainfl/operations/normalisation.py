"""Normalisation in elementary operations, with derivatives of every order.

torch's fused batch, instance and layer normalisation, and weight normalisation, hold the mean and
deviation constant in the third derivative and give a wrong number without a word (pytorch issues 175754,
186256; under vmap already in the second: functorch 534, pytorch 196699, 196700).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.operations.arguments import need


def normalised(
    x: Tensor, dims: list[int], eps: float, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias with the statistics of `dims` (biased variance)."""
    centred = x - x.mean(dim=dims, keepdim=True)
    scale = (centred.square().mean(dim=dims, keepdim=True) + eps).rsqrt()
    y = centred * (scale if weight is None else scale * weight)
    return y if bias is None else y + bias


def _a_channel(t: Tensor | None, x: Tensor) -> Tensor | None:
    """(c,) shaped to multiply x (n, c, ...)."""
    return None if t is None else t.reshape(-1, *[1] * (x.ndim - 2))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Of x (n, c, ...) over all but c; with running statistics it is affine, and torch's own is right."""
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    dims = [0, *range(2, input.ndim)]
    _refuse(input, dims, running_mean)
    return normalised(input, dims, eps, _a_channel(weight, input), _a_channel(bias, input))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Of x (n, c, ...) over all but n and c."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    dims = list(range(2, input.ndim))
    _refuse(input, dims, running_mean)
    return normalised(input, dims, eps, _a_channel(weight, input), _a_channel(bias, input))


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Over the last dimensions, those of `normalized_shape`."""
    wanted, n = tuple(normalized_shape), len(normalized_shape)
    fits = n > 0 and tuple(input.shape[-n:]) == wanted
    need(fits, f"layer_norm over {wanted}", "inputs that end in these sizes", tuple(input.shape))
    for t in (weight, bias):
        fits = t is None or tuple(t.shape) == wanted
        need(
            fits,
            f"layer_norm over {wanted}",
            "weight and bias of that shape",
            t if t is None else tuple(t.shape),
        )
    return normalised(input, list(range(-len(normalized_shape), 0)), eps, weight, bias)


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / |v|, the norm taken over all dimensions but `dim`; over all of them where it is -1."""
    dims = [d for d in range(v.ndim) if d != dim]
    return v * (g / v.square().sum(dim=dims, keepdim=True).sqrt())


def _refuse(x: Tensor, dims: list[int], running_mean: Tensor | None) -> None:
    """What torch's own would do silently, or refuse as well."""
    if math.prod(x.shape[d] for d in dims) == 1:
        raise InvalidProblem(
            f"a normalisation has one value a channel, in an input of shape {tuple(x.shape)}: what is left "
            "of it is its bias; give it more instances, or use LayerNorm"
        )
    if running_mean is not None:
        raise InvalidProblem(
            "a normalisation updates its running statistics in forward; call .eval(), or build it "
            "with track_running_stats=False"
        )


def _fused(name: str) -> Callable[..., Tensor]:
    """A refusal of a fused operation called by its own name."""

    def refuse(*args: Any, **kwargs: Any) -> Tensor:
        raise InvalidProblem(
            f"the model calls torch.{name}, whose third derivative is silently wrong; call the function of "
            "torch.nn.functional instead, which is replaced by an exact one"
        )

    return refuse


FUSED = (
    "batch_norm",
    "instance_norm",
    "layer_norm",
    "native_batch_norm",
    "native_layer_norm",
    "_native_batch_norm_legit",
    "_batch_norm_with_update",
)
NORMALISATION: dict[Any, Callable[..., Any]] = {
    F.batch_norm: batch_norm,
    F.instance_norm: instance_norm,
    F.layer_norm: layer_norm,
    torch._weight_norm: weight_norm,
    **{getattr(torch, name): _fused(name) for name in FUSED if hasattr(torch, name)},
}
