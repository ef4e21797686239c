"""Convolutional networks of few-shot learning: Conv-4 and its kin."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from metainfl.errors import InvalidProblem
from metainfl.numbers import among
from metainfl.training.networks.layers import activation_layer, normalisation_layer
from metainfl.training.networks.start import started


def conv4(
    ways: int | None = 5,
    *,
    channels: int = 1,
    size: int = 28,
    hidden: int = 64,
    blocks: int = 4,
    normalisation: str = "batch",
    activation: str = "relu",
    downsample: str = "pool",
    pooled: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """Module from images (n, channels, size, size) to logits (n, ways); embeddings where ways is None.

    `blocks` times: 3 x 3 convolution with bias and padding 1, normalisation, activation, and halving:
    "pool" by 2 x 2 maximum (odd sizes rounded down), "stride" by a convolution of stride 2 (rounded up),
    "mean" by 2 x 2 average, which has no kinks. Then the map is flattened, or averaged over its places if
    `pooled`, and a linear head follows. Vinyals et al. 2016, as in learn2learn. `normalisation` is
    "batch", "group", "layer" or "none" (`normalisation_layer`). The start depends on `seed` alone.
    """
    if min(channels, hidden, blocks) < 1 or (ways is not None and ways < 1):
        raise InvalidProblem("channels, hidden, blocks and ways must all be at least 1")
    if not among(downsample, ("pool", "stride", "mean")):
        raise InvalidProblem(f'downsample must be "pool", "stride" or "mean", not {downsample!r}')
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width, side = channels, size
    for k in range(blocks):
        halved = (side + 1) // 2 if downsample == "stride" else side // 2
        if halved < 1:
            raise InvalidProblem(
                f"an image of {size} x {size} cannot be halved {blocks} times; give fewer blocks"
            )
        stride = 2 if downsample == "stride" else 1
        convolution = nn.Conv2d(width, hidden, 3, stride=stride, padding=1, device="meta")
        halving: list[nn.Module] = []
        if downsample != "stride":
            halving = [nn.MaxPool2d(2) if downsample == "pool" else nn.AvgPool2d(2)]
        layers[f"block{k + 1}"] = nn.Sequential(
            convolution,
            *normalisation_layer(normalisation, hidden, images=True),
            activation_layer(activation),
            *halving,
        )
        width, side = hidden, halved
    if pooled:
        layers["pool"] = nn.AvgPool2d(side)
        side = 1
    layers["flatten"] = nn.Flatten()
    if ways is not None:
        layers["head"] = nn.Linear(width * side * side, ways, device="meta")
    return started(nn.Sequential(layers), seed, dtype)


def tlxml_cnn(
    ways: int = 5,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    normalisation: str = "batch",
    activation: str = "relu",
) -> nn.Module:
    """Module from images (n, 3, 84, 84) to logits (n, ways): 121,093 parameters at five ways.

    TLXML, section 5.2: four convolutions and one linear layer, of learn2learn. That is `conv4` on
    mini-ImageNet's images: 84, 42, 21, 10, 5 places a side, 1,600 features into the head.
    """
    return conv4(
        ways,
        channels=3,
        size=84,
        normalisation=normalisation,
        activation=activation,
        seed=seed,
        dtype=dtype,
    )


def omniglot_cnn(
    ways: int = 5,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    normalisation: str = "batch",
    activation: str = "relu",
) -> nn.Module:
    """Module from images (n, 1, 28, 28) to logits (n, ways): 112,261 parameters at five ways.

    learn2learn's network for Omniglot: `conv4` with strides, averaged over places. TLXML, appendix B.3
    uses it and prints 111,261, which no choice of these layers gives.
    """
    return conv4(
        ways,
        downsample="stride",
        pooled=True,
        normalisation=normalisation,
        activation=activation,
        seed=seed,
        dtype=dtype,
    )


def mnist_cnn(
    classes: int = 10,
    *,
    channels: int = 1,
    activation: str = "relu",
    dropout: float = 0.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """Module from images (n, channels, 28, 28) to logits (n, classes): 824,458 parameters for MNIST.

    Table 6 of "Enhancing training robustness through influence measure": convolutions to (32, 14, 14)
    and (64, 7, 7) with padding 1, dropout, linear 256, linear. The table prints neither kernel nor how
    the size is halved (here 3 x 3 and a 2 x 2 maximum after the activation) nor the rate of dropout. It
    is 0 here: influence of a network in training mode that drops at random is refused.
    """
    if not 0 <= dropout < 1:
        raise InvalidProblem(f"dropout must lie in 0 <= dropout < 1, got {dropout}")
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, 32, 3, padding=1, device="meta"),
        act1=activation_layer(activation),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(32, 64, 3, padding=1, device="meta"),
        act2=activation_layer(activation),
        pool2=nn.MaxPool2d(2),
        **({"dropout": nn.Dropout(dropout)} if dropout else {}),
        flatten=nn.Flatten(),
        hidden=nn.Linear(64 * 7 * 7, 256, device="meta"),
        act3=activation_layer(activation),
        head=nn.Linear(256, classes, device="meta"),
    )
    return started(nn.Sequential(layers), seed, dtype)
