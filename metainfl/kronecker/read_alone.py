"""Whether outputs hang on theta through the layers that Kronecker factors read, and through nothing else.

With a_l what goes into layer l and s_l the gradient of <u, outputs> in what is added to what comes out,

    d<u, outputs>/dW_l = s_l' a_l

for every u: else something beside the layer reads its parameters (a penalty, a bias that is used again), or
the layer is no W a + b (a hook, a forward of its own), and the factors would be of another matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import vjp

from metainfl.errors import InvalidProblem
from metainfl.problem.normal import normal

#: outputs, and the inputs of each layer, from theta, x and offsets
Run = Callable[[Tensor, Tensor, Sequence[Tensor]], tuple[Tensor, list[Tensor]]]
MOST = 64  # instances that are looked at


def require_read_alone(
    run: Run, places: Sequence[Tensor], offsets: Sequence[Tensor], theta: Tensor, x: Tensor
) -> None:
    """`InvalidProblem` where outputs at x (n, ...) have another derivative than a chain of linear layers."""
    theta = theta.detach()
    y, inputs = run(theta, x, offsets)
    u = normal(*y.shape, like=y)
    (whole,) = vjp(lambda at: run(at, x, offsets)[0], theta)[1](u)
    slopes = vjp(lambda *to: run(theta, x, to)[0], *offsets)[1](u)
    read = torch.zeros_like(theta)
    for place, a, s in zip(places, inputs, slopes, strict=True):
        read[place.to(theta.device)] = a.detach().mT @ s
    if float((whole - read).norm()) > torch.finfo(theta.dtype).eps ** 0.5 * float(whole.norm()):
        raise InvalidProblem(
            "the outputs hang on the linear layers' parameters in other ways than through W a + b: a forward "
            "hook or a forward of its own changes what a layer returns, or something beside it reads its "
            "weight or bias. Kronecker factors would be of another model: take "
            "curvature=metainfl.curvature.gauss_newton, or, in an adaptation, metainfl.Proximal"
        )
