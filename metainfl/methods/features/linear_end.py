"""The parameters of a linear last layer as rows of one matrix, and whether they make a model's outputs.

outputs = [h, 1] rows,     rows (d + 1, c) = (W', b), or (d, c) without bias
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidProblem


def rows(name: str, layer: nn.Linear, own: dict[str, Tensor]) -> Tensor:
    """The head's part of named parameters as (d + 1, c), the bias last, or (d, c) without."""
    weight, *bias = (own[n] for n in names(name, layer))
    return torch.cat([weight.T, *(b[None] for b in bias)])


def names(name: str, layer: nn.Linear) -> list[str]:
    """Of its parameters, as the module has them."""
    kinds = ["weight"] if layer.bias is None else ["weight", "bias"]
    return [f"{name}.{kind}".removeprefix(".") for kind in kinds]


def compare(h: Tensor, rows: Tensor, out: Tensor, name: str) -> None:
    """Outputs are h times the head, up to the rounding of d + 1 products and sums, twice."""
    h = torch.cat([h, h.new_ones(len(h), len(rows) - h.shape[1])], dim=1)
    size = h.abs() @ rows.abs()
    if out.shape != size.shape:
        what = f"have shape {tuple(out.shape)}, its own {tuple(size.shape)}"
    else:
        gap, room = (out - h @ rows).abs(), 2 * h.shape[1] * torch.finfo(out.dtype).eps * size
        if bool((gap <= room).all()):
            return
        what = f"differ from its own by {float(gap.max()):.2g}"
    raise InvalidProblem(
        f"the last layer, {name!r}, does not make the outputs: they {what}. What comes after it (an "
        "activation, a scale, a residual) is no part of a linear head: put it into the loss, or leave "
        "the head and take metainfl.influence of the whole network"
    )


def drawn(name: str, layer: nn.Linear, own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other weights of the head, the same every time: at its own, 0 say, much else looks linear."""
    draw = torch.Generator().manual_seed(0)
    return {
        n: torch.randn(own[n].shape, generator=draw, dtype=torch.float64, device="cpu").to(own[n])
        for n in names(name, layer)
    }
