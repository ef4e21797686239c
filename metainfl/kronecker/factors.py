"""K-FAC and EK-FAC of a chain of linear layers: F ~ one block a layer, (Q_A (x) Q_G) S (Q_A (x) Q_G)'.

With a the inputs of a layer and g = the gradient at its outputs of each factor of the Fisher matrix,
    A = sum_n w_n a a',   G = sum_n w_n sum_k g g' / sum_n w_n
    K-FAC     S = outer product of the eigenvalues of A and G
    EK-FAC    S_ab = sum_n w_n sum_k (Q_A' a)_a^2 (Q_G' g)_b^2, the diagonal of F in that basis
`apply` with f = 1/(S + damping) is the damped inverse (001, eq. 20; A.3 there has EK-FAC's S, too, with Q for
Q', and takes gradients of the whole L_I, which are zero at its minimum: an instance's are meant). Exact for
one linear layer under the squared loss, where G is a multiple of I. Which Fisher matrix it is must be said:
see `fisher`. Sums over instances, as F is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vjp, vmap

from metainfl.kronecker.fisher import Fisher, output_factors
from metainfl.kronecker.layers import LinearLayers
from metainfl.numbers import flag
from metainfl.problem.losses import Loss

Block = tuple[Tensor, Tensor, Tensor]  # Q_A (in, in), Q_G (out, out), S (in, out)


@dataclass(frozen=True)
class Recipe:
    """Which Fisher matrix, and whether its eigenvalues are corrected (EK-FAC) or products (K-FAC)."""

    fisher: Fisher = "type-2"
    corrected: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "corrected", flag(self.corrected, "corrected"))


def blocks(
    layers: LinearLayers,
    loss: Loss,
    recipe: Recipe,
    theta: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    noise: Tensor,
) -> tuple[Block, ...]:
    """One block a layer, from instances x, y (n, ...) with weights w (n,). Can be batched over tasks."""
    x, y = (_that_count(t, w) for t in (x, y))
    zeros = layers.offsets(x)
    outputs, inputs = layers.run(theta, x, zeros)
    columns = output_factors(loss, outputs, y, recipe.fisher, noise)
    pull = vjp(lambda *offsets: layers.run(theta, x, offsets)[0], *zeros)[1]
    slopes = vmap(pull, in_dims=2)(columns)  # (k, n, out) a layer
    out, tiny = [], torch.finfo(w.dtype).tiny  # no weight at all: no factors, and S = 0
    for a, g in zip(inputs, slopes, strict=True):
        la, qa = torch.linalg.eigh(torch.einsum("n,na,nb->ab", w, a, a))
        lg, qg = torch.linalg.eigh(torch.einsum("n,kna,knb->ab", w, g, g) / w.sum().clamp(min=tiny))
        values = la[:, None] * lg
        if recipe.corrected:
            values = torch.einsum("n,na,knb->ab", w, (a @ qa).square(), (g @ qg).square())
        out.append((qa, qg, values.clamp(min=0)))
    return tuple(out)


def _that_count(t: Tensor, w: Tensor) -> Tensor:
    """Zeros where the weight is 0: whatever stands there, its square times 0 is 0."""
    return torch.where((w != 0).reshape(-1, *[1] * (t.ndim - 1)), t, torch.zeros_like(t))


def apply(
    layers: LinearLayers, parts: tuple[Block, ...], v: Tensor, f: Callable[[Tensor], Tensor]
) -> Tensor:
    """Q f(S) Q' v for v (p,) or (p, k). Can be batched over tasks."""
    columns, pieces = v.reshape(len(v), -1), []
    for place, (qa, qg, values) in zip(layers.places, parts, strict=True):
        inside = torch.einsum("ai,abk,bj->ijk", qa, columns[place.to(v.device)], qg)
        turned = torch.einsum("ai,ijk,bj->abk", qa, f(values)[:, :, None] * inside, qg)
        pieces.append(turned.flatten(0, 1))
    order = torch.argsort(torch.cat([p.flatten() for p in layers.places])).to(v.device)
    return torch.cat(pieces)[order].reshape(v.shape)
