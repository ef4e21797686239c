"""A module copied at the border, and what cannot be taken refused by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidProblem
from metainfl.problem.own_copy import own_copy
from metainfl.problem.uncompiled import run_uncompiled, uncompiled
from metainfl.problem.unfit import refuse

#: rows of weights, by parameter name, that torch's gradient leaves out: index and value
Padding = dict[str, tuple[int, Tensor]]


def snapshot(module: nn.Module) -> tuple[nn.Module, Padding]:
    """A copy of the module, and the padding rows of its embeddings.

    `nn.Embedding(padding_idx=i)` gives row i no gradient although outputs depend on it: no objective has
    this derivative, unless the row is a constant. That is what it becomes, at its value now; its layers
    look it up without padding (`LookedUpAlone`). Raises
    `InvalidProblem` for what cannot be copied, run without torch's own parameters, or differentiated.
    """
    module = uncompiled(module)
    refuse(module)
    copied = _copied(module)
    run_uncompiled(copied)
    padding: Padding = {}
    for name, m in copied.named_modules():
        if isinstance(m, nn.Embedding) and m.padding_idx is not None:
            path = f"{name}.weight" if name else "weight"
            if m.weight.requires_grad:
                padding[_own(copied, m, path)] = (m.padding_idx, m.weight[m.padding_idx].detach())
    return copied, padding


def batch_statistics(module: nn.Module) -> str | None:
    """The first layer that normalises with the statistics of its batch."""
    for name, m in module.named_modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and (
            m.training or m.running_mean is None
        ):
            return name
    return None


def _own(module: nn.Module, layer: nn.Embedding, path: str) -> str:
    """The name under which the layer's weight is a parameter; refused where other layers read it too."""
    places = [
        (f"{n}.{k}" if n else k, m)
        for n, m in module.named_modules()
        for k, p in m._parameters.items()
        if p is layer.weight
    ]
    other = [n for n, m in places if not (isinstance(m, nn.Embedding))]
    if not places or other:
        raise InvalidProblem(
            f"embedding {path!r} has padding_idx={layer.padding_idx}, whose row torch gives no gradient, but "
            f"{other or 'a parametrization'} reads the same weight; build the embedding without padding_idx "
            "and multiply its output by a mask"
        )
    return places[0][0]


def _copied(module: nn.Module) -> nn.Module:
    """A deep copy; tensors that were computed and hang on the module are constants in it."""
    memo: dict[int, object] = {}
    for m in module.modules():
        for value in vars(m).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    try:
        copied = own_copy(module, memo)
    except MemoryError:
        raise
    except Exception as error:  # a module may hold anything, and its copying raise anything
        raise InvalidProblem(
            f"the module cannot be copied ({type(error).__name__}: {error}), so later changes to it would "
            "change answers; take what cannot be copied (files, locks, generators, functions of TorchScript) "
            "out of it, or give a function of (theta, x) with n_params"
        ) from error
    for p in copied.parameters():
        p.grad = None
    return copied


def in_precision(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The module itself, real numbers in `dtype` and complex ones in its complex counterpart.

    `Module.to` takes complex ones as real, and drops a part of each.
    """

    def cast(t: Tensor) -> Tensor:
        if t.is_complex():
            return t.to(dtype.to_complex())
        return t.to(dtype) if t.is_floating_point() else t

    return module._apply(cast)
