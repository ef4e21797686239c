"""Inner learning rates: one number, one a parameter, or by the name of a parameter or layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.numbers import real
from metainfl.problem.dense import dense
from metainfl.problem.model import Model

Rate = float | Tensor | Mapping[str, "float | Tensor"]


def checked(rate: Rate) -> float | Tensor | dict[str, Tensor]:
    """A copy of what was given; rates must be finite."""
    if isinstance(rate, Mapping):
        return {str(name): _one(value, f"the rate of {name!r}") for name, value in rate.items()}
    value = _one(rate, "the inner learning rate")
    return float(value) if not isinstance(rate, Tensor) or value.ndim == 0 else value


def _one(rate: float | Tensor, what: str) -> Tensor:
    if not isinstance(rate, Tensor):
        wish = "a finite number, a tensor, or a dict by parameter name", math.isfinite
        return torch.tensor(real(rate, what, wish), dtype=torch.float64, device="cpu")
    value = rate.detach().clone()
    if value.is_complex():
        raise InvalidProblem(f"{what} must be real, got {value.dtype}: give its real part")
    if not torch.isfinite(dense(what, value)).all():
        raise InvalidProblem(f"{what} is not finite")
    return value


def flat(rate: float | Tensor | dict[str, Tensor], model: Model, like: Tensor) -> float | Tensor:
    """A number, or one rate a parameter (p,), in the order of the model's flat parameters."""
    if isinstance(rate, dict):
        return _by_name(rate, model, like)
    if not isinstance(rate, Tensor):
        return rate
    if rate.numel() != model.n_params:
        raise InvalidProblem(
            f"one rate a parameter means {model.n_params} rates, got shape {tuple(rate.shape)}"
        )
    return rate.to(like).reshape(-1)


def _by_name(rate: dict[str, Tensor], model: Model, like: Tensor) -> Tensor:
    """The rate whose name is the longest that leads to the parameter; "" leads to all."""
    shapes = getattr(model, "shapes", None)
    if shapes is None:
        raise InvalidProblem(
            "rates by name need a torch.nn.Module; this model has no named parameters"
        )
    parts, used = [], set()
    for name, shape in shapes.items():
        keys = [k for k in rate if k in ("", name) or name.startswith(k + ".")]
        if not keys:
            raise InvalidProblem(
                f"no rate for parameter {name!r}; name it, its layer, or give a default under ''"
            )
        key = max(keys, key=len)
        used.add(key)
        value = rate[key].to(like)
        if value.ndim and value.shape != shape:
            raise InvalidProblem(
                f"the rate of {key!r} has shape {tuple(value.shape)}, parameter {name!r} {tuple(shape)}"
            )
        parts.append(value.expand(shape).reshape(-1))
    if set(rate) - used - {""}:
        raise InvalidProblem(
            f"rates for {sorted(set(rate) - used)} belong to no parameter; there are {list(shapes)}"
        )
    return torch.cat(parts)
