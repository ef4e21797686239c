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
from metainfl.numbers import among
from metainfl.numbers import seed as checked_seed
from metainfl.problem.losses import Loss, cross_entropy, squared

Fisher = Literal["type-2", "sampled", "empirical"]


def draws(shape: tuple[int, ...], seed: int, like: Tensor) -> Tensor:
    """Standard normal numbers (..., c) for `sampled`, the same on every device."""
    generator = torch.Generator().manual_seed(checked_seed(seed))
    return torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(like)


def mass(targets: Tensor) -> Tensor:
    """What cross-entropy's curvature is multiplied by (n,): the sum of vectors of targets, or 1 of labels.

    A sum that is negative by rounding is 0.
    """
    if not targets.is_floating_point():
        return torch.ones_like(targets, dtype=torch.get_default_dtype())
    total = targets.sum(-1)
    return torch.where(total.abs() <= _rounding(targets), torch.zeros_like(total), total)


def require_mass(loss: Loss, targets: Tensor, weights: Tensor) -> None:
    """`InvalidProblem` for targets (T, n, c) of negative sum: curvature there has no root."""
    if loss is not cross_entropy or not targets.is_floating_point():
        return
    wrong = ((mass(targets) < 0) & (weights != 0)).nonzero()
    if len(wrong):
        k, j = wrong[0].tolist()
        raise InvalidProblem(
            f"the targets of instance {j} of task {k} sum to {float(targets[k, j].sum()):.3g}: cross-entropy "
            "is not convex in the outputs there, so it has no Fisher matrix and no factors; give "
            "probabilities, or take curvature=metainfl.curvature.exact"
        )


def _rounding(targets: Tensor) -> Tensor:
    return targets.shape[-1] * torch.finfo(targets.dtype).eps * targets.abs().sum(-1)


def output_factors(
    loss: Loss, outputs: Tensor, targets: Tensor, fisher: Fisher, noise: Tensor
) -> Tensor:
    """c_k as columns: (n, c, k), from outputs (n, c). `noise` (n, c) serves `sampled` alone."""
    if not among(fisher, get_args(Fisher)):
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
    root_mass = mass(targets).to(p).sqrt()
    if fisher == "type-2":
        root = torch.diag_embed(p.sqrt()) - p[:, :, None] * p.sqrt()[:, None, :]
        return root_mass[:, None, None] * root
    # argmax of log p + Gumbel noise draws from p; a normal quantile becomes a Gumbel one
    gumbel = -torch.log(-torch.log(torch.special.ndtr(noise).clamp(1e-12, 1 - 1e-12)))
    label = torch.nn.functional.one_hot((p.log() + gumbel).argmax(1), p.shape[1])
    return (root_mass[:, None] * (p - label))[:, :, None]
