"""Models as functions of one flat parameter vector: any `torch.nn.Module`, or a plain linear map."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives


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

    Buffers and frozen parameters keep the values they have now. Refused, because the answer would
    depend on something other than theta: dropout in training mode, and normalisation layers that
    update running statistics (use .eval(), or track_running_stats=False). Normalisation and attention
    are computed by the formulas in `operations`, because torch's own third derivatives are wrong.
    `batch_statistics` names the first layer that normalises with the statistics of its batch: weights do
    not reach them, so an instance of weight 0 would still count there, and `Problem` refuses such tasks.
    A module from `torch.compile` is taken as it was before.
    """

    def __init__(self, module: nn.Module) -> None:
        module = getattr(module, "_orig_mod", module)
        self.batch_statistics = _refuse_state(module)
        trainable = {n: p for n, p in module.named_parameters() if p.requires_grad}
        if not trainable:
            raise InvalidProblem("the module has no parameter that requires a gradient")
        for n, p in module.named_parameters():
            if not p.is_floating_point():
                raise InvalidProblem(f"parameter {n!r} is {p.dtype}; only floating point can adapt")
        self.module = module
        self.shapes = {n: p.shape for n, p in trainable.items()}
        self.n_params = sum(p.numel() for p in trainable.values())

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """The module's outputs with theta in place of its parameters."""
        with exact_derivatives():
            out: Tensor = functional_call(self.module, self.to_dict(theta), (x,))
        return out

    def to_dict(self, theta: Tensor) -> dict[str, Tensor]:
        """Theta (n_params,) as named parameters."""
        parts = theta.split([s.numel() for s in self.shapes.values()])
        return {n: t.reshape(s) for (n, s), t in zip(self.shapes.items(), parts, strict=True)}

    def to_flat(self, parameters: dict[str, Tensor]) -> Tensor:
        """Named parameters as theta (n_params,)."""
        missing = set(self.shapes) ^ set(parameters)
        if missing:
            raise InvalidProblem(f"parameters disagree with the module on {sorted(missing)}")
        return torch.cat([parameters[n].reshape(-1) for n in self.shapes])

    def current(self) -> Tensor:
        """The module's own parameters now, detached (n_params,)."""
        own = {n: p.detach() for n, p in self.module.named_parameters() if n in self.shapes}
        return self.to_flat(own)


def _refuse_state(module: nn.Module) -> str | None:
    """`InvalidProblem` where outputs depend on more than parameters and input; else `batch_statistics`."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidProblem(
            "a scripted or traced module cannot be given other parameters; pass the Python module"
        )
    found: str | None = None
    for name, m in module.named_modules():
        if isinstance(m, nn.modules.dropout._DropoutNd) and m.training and m.p > 0:
            raise InvalidProblem(f"dropout layer {name!r} is in training mode; call .eval()")
        if not isinstance(m, nn.modules.batchnorm._NormBase):
            continue
        if m.training and m.track_running_stats:
            raise InvalidProblem(
                f"layer {name!r} updates its running statistics in forward; call .eval() to use them "
                "as they are, or set its track_running_stats to False to use the batch's own"
            )
        own = m.training or m.running_mean is None
        if own and found is None and isinstance(m, nn.modules.batchnorm._BatchNorm):
            found = name
    return found


class Guarded:
    """Another `Model`, its operations computed with exact derivatives."""

    def __init__(self, model: Model) -> None:
        self.model, self.n_params = model, model.n_params

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """As the model has it."""
        with exact_derivatives():
            return self.model(theta, x)


def as_model(model: Model | nn.Module) -> Model:
    """A module, or another `Model`, so that it can be differentiated three times (see `operations`)."""
    if isinstance(model, nn.Module):
        return FromModule(model)
    ours = isinstance(model, (FromModule, Linear, LinearEmbedding, Guarded))
    return model if ours else Guarded(model)
