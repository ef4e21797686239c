"""Modes of torch in which derivatives come out wrong without a word: refused by name."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from metainfl.errors import InvalidProblem


def require_plain(lam: Tensor) -> None:
    """Raises `InvalidProblem` in inference mode, in autocast, and where lam is being differentiated."""
    if torch.is_inference_mode_enabled():
        raise InvalidProblem(
            "torch's derivatives are wrong inside torch.inference_mode(), and no error tells: use "
            "torch.no_grad() there, or torch.inference_mode(False) around this call"
        )
    if torch.is_autocast_enabled(lam.device.type):
        raise InvalidProblem(
            f"torch.autocast({lam.device.type!r}) computes losses in half precision, in which derivatives of "
            "second order are rounding: leave it for this call, or put "
            f"torch.autocast({lam.device.type!r}, enabled=False) around it"
        )
    if differentiated(lam):
        raise InvalidProblem(
            "F is not differentiated from outside (torch.func.grad, jvp, vmap or forward_ad around this call "
            "would find a derivative of 0): call problem.gradient(lam), hessian(lam) and "
            "hessian_product(lam, v), one lam at a time, or differentiate problem.task_loss"
        )


def require_constant(vectors: Tensor) -> None:
    """Raises `InvalidProblem` where the vectors of a product with H are being differentiated."""
    if differentiated(vectors):
        raise InvalidProblem(
            "products with H are not differentiated from outside (torch.func or forward_ad around this call "
            "would find a derivative of 0): H V is linear in V, so its derivative along W is H W; many at "
            "once are the columns of V (p, k)"
        )


def differentiated(lam: Tensor) -> bool:
    """Whether a transform of torch.func, or forward mode, follows it."""
    wrapped: bool = torch._C._functorch.is_functorch_wrapped_tensor(lam)
    return wrapped or unpack_dual(lam).tangent is not None
