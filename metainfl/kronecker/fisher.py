"""Three Fisher matrices that papers and libraries call "the Fisher", as factors of one instance.

    type-2      sum_k c_k c_k' = l''(y), the expectation over the model's own labels, exactly: the
                generalised Gauss-Newton matrix of the loss in its outputs
    sampled     c c' with c the gradient at one label drawn from the model: type-2 on average
    empirical   c c' with c the gradient at the data's label: not an approximation of the Hessian
Squared loss is a Gaussian model of unit variance, cross-entropy a categorical one.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.func import grad

from metainfl.errors import InvalidProblem
from metainfl.problem.losses import Loss, cross_entropy, squared

Fisher = Literal["type-2", "sampled", "empirical"]


def draws(shape: tuple[int, ...], seed: int, like: Tensor) -> Tensor:
    """Standard normal numbers (..., c) for `sampled`, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(like)


def output_factors(
    loss: Loss, outputs: Tensor, targets: Tensor, fisher: Fisher, noise: Tensor
) -> Tensor:
    """c_k as columns: (n, c, k), from outputs (n, c). `noise` (n, c) serves `sampled` alone."""
    if fisher not in get_args(Fisher):
        raise InvalidProblem(f"fisher is one of {', '.join(get_args(Fisher))}, got {fisher!r}")
    if fisher == "empirical":
        return grad(lambda y: loss(y, targets).sum())(outputs)[:, :, None]
    if loss is squared:
        if fisher == "sampled":
            return noise[:, :, None]
        eye = torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)
        return eye.expand(len(outputs), -1, -1)
    if loss is not cross_entropy:
        raise InvalidProblem("type-2 and sampled are written for squared and cross_entropy")
    p = torch.softmax(outputs, dim=1)
    mass = targets.sum(1).sqrt() if targets.is_floating_point() else torch.ones_like(p[:, 0])
    if fisher == "type-2":
        root = torch.diag_embed(p.sqrt()) - p[:, :, None] * p.sqrt()[:, None, :]
        return mass[:, None, None] * root
    # argmax of log p + Gumbel noise draws from p; a normal quantile becomes a Gumbel one
    gumbel = -torch.log(-torch.log(torch.special.ndtr(noise).clamp(1e-12, 1 - 1e-12)))
    label = torch.nn.functional.one_hot((p.log() + gumbel).argmax(1), p.shape[1])
    return (mass[:, None] * (p - label))[:, :, None]
