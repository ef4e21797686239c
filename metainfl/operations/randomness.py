"""Operations that draw random numbers: refused while a model runs, because the objective would not be a
function of its parameters. Dropout that is off passes. See `operations`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metainfl.errors import InvalidProblem

DRAWS = ("bernoulli", "multinomial", "normal", "poisson", "rand", "randint", "randn", "randperm")
LIKE = ("rand_like", "randint_like", "randn_like")
METHODS = ("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_",
           "random_", "uniform_")  # fmt: skip


def refuse(name: str) -> Callable[..., Any]:
    """A function that says what is wrong with calling `name`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        raise InvalidProblem(
            f"the model draws random numbers ({name}); call .eval(), or take the randomness out"
        )

    return call


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """The input, where dropout is off."""
    if training and p > 0:
        refuse("dropout")()
    return input


def _rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """The leaky ReLU that it is in evaluation."""
    if training:
        refuse("rrelu")()
    return F.leaky_relu(input, (lower + upper) / 2)


def _fractional(which: Callable[..., Any]) -> Callable[..., Any]:
    """Fractional max pooling where its random numbers are given."""

    def call(*args: Any, _random_samples: Tensor | None = None, **kwargs: Any) -> Any:
        if _random_samples is None:
            refuse("fractional_max_pool")()
        return which(*args, _random_samples=_random_samples, **kwargs)

    return call


RANDOM: dict[Any, Callable[..., Any]] = {
    **{getattr(torch, name): refuse(name) for name in (*DRAWS, *LIKE)},
    **{getattr(Tensor, name): refuse(name) for name in (*METHODS, "bernoulli", "multinomial")},
    F.dropout: dropout,
    F.dropout1d: dropout,
    F.dropout2d: dropout,
    F.dropout3d: dropout,
    F.alpha_dropout: dropout,
    F.feature_alpha_dropout: dropout,
    F.fractional_max_pool2d: _fractional(F.fractional_max_pool2d),
    F.fractional_max_pool3d: _fractional(F.fractional_max_pool3d),
    F.gumbel_softmax: refuse("gumbel_softmax"),
    **{
        getattr(torch, name): refuse(name)
        for name in ("svd_lowrank", "pca_lowrank", "native_dropout")
    },
    F.rrelu: _rrelu,
    torch.dropout: dropout,
}
