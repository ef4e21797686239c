"""Models as functions of one flat parameter vector: any `torch.nn.Module`, or a plain linear map."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metainfl.errors import InvalidProblem
from metainfl.numbers import said
from metainfl.operations import exact_derivatives
from metainfl.problem.as_found import AsFound
from metainfl.problem.cached import require_uncached
from metainfl.problem.origin import Origin
from metainfl.problem.outputs import Output, select
from metainfl.problem.own_copy import own_copy
from metainfl.problem.padding_rows import LookedUpAlone
from metainfl.problem.snapshot import batch_statistics, in_precision, snapshot
from metainfl.problem.turn import Turn
from metainfl.problem.uncompiled import uncompiled


class Model(Protocol):
    """outputs = model(theta, x), theta flat (n_params,), x (n, ...)."""

    n_params: int

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Outputs (n, c)."""
        ...


class Linear:
    """outputs = x theta with theta (d, c) flattened row by row: the reference's layout."""

    def __init__(self, d: int, c: int) -> None:
        self.d, self.c, self.n_params = d, c, d * c

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """(n, c)."""
        return x @ theta.reshape(self.d, self.c)


class LinearEmbedding:
    """features = x Lam' with Lam (r, d) flattened row by row: the reference's layout."""

    def __init__(self, d: int, rank: int) -> None:
        self.d, self.rank, self.n_params = d, rank, d * rank

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """(n, r)."""
        return x @ theta.reshape(self.rank, self.d).T


class FromModule:
    """A `torch.nn.Module` with its trainable parameters as one flat vector, in `named_parameters` order.

    The module is copied: what is done to it later changes nothing here. Buffers and frozen parameters
    keep the values they have now; so does the padding row of an embedding, which torch does not train.
    Where the module returns more than one tensor, `output` says which is meant: an index, a key, the name
    of an attribute, or a function of what is returned. What `torch.compile` made, the module or a part
    of it, is taken as it was before.

    Refused, because the answer would depend on something other than theta, or theta's gradient would be
    no derivative: dropout in training mode, normalisation layers that update running statistics,
    embeddings that rescale rows or gradients (see `snapshot`), half precision, functions that read the
    parameters of the module itself and not of its copy (see `origin`). Operations whose
    derivatives torch gets wrong are computed by the formulas in `operations`. `batch_statistics` names
    the first layer that normalises with the statistics of its batch: weights do not reach them, so an
    instance of weight 0 would still count there, and `Problem` refuses such tasks.
    """

    def __init__(self, module: nn.Module, *, output: Output | None = None) -> None:
        if not isinstance(module, nn.Module):
            raise InvalidProblem(
                f"FromModule takes a torch.nn.Module, an object and not a class, got {said(module)}: a "
                "function of (theta, x) with n_params is a model as it is"
            )
        self.module, self.padding = snapshot(module)
        self.origin = Origin(uncompiled(module), self.module)
        self.output, self.turn = output, Turn()
        self.batch_statistics = batch_statistics(self.module)
        trainable = {n: p for n, p in self.module.named_parameters() if p.requires_grad}
        if not trainable:
            raise InvalidProblem("the module has no parameter that requires a gradient")
        self.shapes = {n: p.shape for n, p in trainable.items()}
        self.n_params = sum(p.numel() for p in trainable.values())

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """The module's outputs with theta in place of its parameters."""
        with exact_derivatives(self.origin.watch):
            return self.called(self.to_dict(theta), x)

    def called(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        """The outputs with these named parameters, as torch has them. Threads take turns: the module is
        lent the parameters for the length of a call, and left as it was found.
        """
        require_uncached(self.module)
        padded = {n: (parameters[n], i) for n, (i, _) in self.padding.items() if n in parameters}
        with self.turn, AsFound(self.module), LookedUpAlone(padded) if padded else nullcontext():
            out = functional_call(self.module, parameters, (x,))
        return select(out, self.output)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy's, or a pickle's: it has a module of its own."""
        self.__dict__.update(state)
        self.origin = self.origin.also(self.module)

    def copied(self) -> nn.Module:
        """A copy of the module, with parameters of its own and none that a call has been lent."""
        with self.turn:
            return own_copy(self.module)

    def around(self, module: nn.Module) -> FromModule:
        """The same model of another copy of its module."""
        other = copy.copy(self)
        other.module, other.turn, other.origin = module, Turn(), self.origin.also(module)
        return other

    def to(self, dtype: torch.dtype) -> FromModule:
        """The same model in another precision."""
        other = self.around(in_precision(self.copied(), dtype))
        other.padding = {n: (i, row.to(dtype)) for n, (i, row) in self.padding.items()}
        return other

    def to_dict(self, theta: Tensor) -> dict[str, Tensor]:
        """Theta (n_params,) as named parameters, padding rows at their own values."""
        parts = theta.split([s.numel() for s in self.shapes.values()])
        named = {n: t.reshape(s) for (n, s), t in zip(self.shapes.items(), parts, strict=True)}
        for n, (i, row) in self.padding.items():
            if n in named:
                fixed = row.to(theta)[None]
                named[n] = torch.cat([named[n][:i], fixed, named[n][i + 1 :]])
        return named

    def to_flat(self, parameters: dict[str, Tensor]) -> Tensor:
        """Named parameters as theta (n_params,)."""
        missing = set(self.shapes) ^ set(parameters)
        if missing:
            raise InvalidProblem(f"parameters disagree with the module on {sorted(missing)}")
        return torch.cat([parameters[n].reshape(-1) for n in self.shapes])

    def current(self) -> Tensor:
        """The module's own parameters when it was copied, detached (n_params,)."""
        return self.to_flat({n: t for n, t in self.parameters().items() if n in self.shapes})

    def parameters(self) -> dict[str, Tensor]:
        """The module's own parameters by name, frozen ones among them, detached."""
        with self.turn:
            return {n: p.detach() for n, p in self.module.named_parameters()}


class Guarded:
    """Another `Model`, its operations computed with exact derivatives."""

    def __init__(self, model: Model) -> None:
        self.model, self.n_params = model, model.n_params

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """As the model has it."""
        with exact_derivatives():
            return select(self.model(theta, x), None)


def as_model(model: Model | nn.Module) -> Model:
    """A module, or another `Model`, so that it can be differentiated three times (see `operations`)."""
    if isinstance(model, nn.Module):
        return FromModule(model)
    own: Model = uncompiled(model)
    model = own if hasattr(own, "n_params") else model
    ours = isinstance(model, (FromModule, Linear, LinearEmbedding, Guarded))
    return model if ours else Guarded(model)
