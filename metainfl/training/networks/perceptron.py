"""Fully connected networks: TLXML's, and small smooth ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from metainfl.errors import InvalidProblem
from metainfl.training.networks.layers import activation_layer, normalisation_layer
from metainfl.training.networks.start import started


def mlp(
    sizes: Sequence[int] = (36, 16, 5),
    *,
    activation: str = "tanh",
    normalisation: str = "none",
    eps: float = 1e-5,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """Module from (n, sizes[0]) to (n, sizes[-1]): linear layers, smooth as it stands.

    Between linear layers stand normalisation and activation, in this order. Inputs of more dimensions
    are flattened. The start depends on `seed` alone.
    """
    if len(sizes) < 2 or any(s < 1 for s in sizes):
        raise InvalidProblem(f"sizes must be at least two numbers of at least 1, got {list(sizes)}")
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for k, (a, b) in enumerate(pairwise(sizes[:-1])):
        layers[f"block{k + 1}"] = nn.Sequential(
            nn.Linear(a, b, device="meta"),
            *normalisation_layer(normalisation, b, images=False, eps=eps),
            activation_layer(activation),
        )
    layers["head"] = nn.Linear(sizes[-2], sizes[-1], device="meta")
    return started(nn.Sequential(layers), seed, dtype)


def tlxml_mlp(
    features: int = 36,
    ways: int = 5,
    *,
    activation: str = "relu",
    normalisation: str = "batch",
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """Module (n, features) to (n, ways), widths 32 and `ways`: 1,285 (32 features) or 1,413 parameters (36).

    TLXML, section 5.1 (32 visual words of mini-ImageNet) and appendix B.2.1 (36 entries of the
    spectrum of Omniglot). The counts need a scale and a bias for each of the 32 hidden units: batch
    normalisation between the layers, as in learn2learn's fully connected network, whose epsilon is 1e-3.
    """
    return mlp(
        (features, 32, ways),
        activation=activation,
        normalisation=normalisation,
        eps=1e-3,
        seed=seed,
        dtype=dtype,
    )
