"""Choices that all networks share: activation and normalisation by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from metainfl.errors import InvalidProblem
from metainfl.numbers import among

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
NORMALISATIONS = ("batch", "group", "layer", "none")


def activation_layer(name: str) -> nn.Module:
    """The layer; "relu" has kinks, the others are smooth."""
    if not among(name, ACTIVATIONS):
        raise InvalidProblem(f"activation must be one of {', '.join(ACTIVATIONS)}, not {name!r}")
    return ACTIVATIONS[name]()


def normalisation_layer(
    name: str, width: int, *, images: bool, eps: float = 1e-5
) -> list[nn.Module]:
    """No layer or one, for `width` channels or features, with a scale and a bias for each.

    "batch" uses the statistics of its batch always (no running ones: with them a run would not be a
    function of its weights), "layer" those of one instance, "group" those of one instance and
    gcd(8, width) groups of channels, of two channels at least.
    """
    if not among(name, NORMALISATIONS):
        raise InvalidProblem(
            f"normalisation must be one of {', '.join(NORMALISATIONS)}, not {name!r}"
        )
    if name == "none":
        return []
    if name == "batch":
        kind = nn.BatchNorm2d if images else nn.BatchNorm1d
        return [kind(width, eps=eps, track_running_stats=False, device="meta")]
    groups = 1 if name == "layer" else min(math.gcd(8, width), max(width // 2, 1))
    return [nn.GroupNorm(groups, width, eps=eps, device="meta")]
