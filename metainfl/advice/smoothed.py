"""A module with smooth layers in place of those that have kinks, its parameters as they are.

    ReLU, ReLU6, LeakyReLU, Hardtanh, Hardswish, Hardsigmoid, ...    -> Softplus
    MaxPool1d, MaxPool2d, MaxPool3d                                  -> the mean over the same windows
    BatchNorm1d, BatchNorm2d, BatchNorm3d with batch statistics      -> GroupNorm with the same scale and bias
The number and order of parameters stay, so a start for the one is a start for the other.
"""

from __future__ import annotations

import math

from torch import nn

from metainfl.problem.model import FromModule, Model
from metainfl.problem.snapshot import batch_statistics

KINKED = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Hardshrink)
POOLS = {nn.MaxPool1d: nn.AvgPool1d, nn.MaxPool2d: nn.AvgPool2d, nn.MaxPool3d: nn.AvgPool3d}


def without_kinks(model: Model) -> tuple[Model, int]:
    """The model with smooth activations and mean pooling, and how many layers that changed."""
    return _exchanged(model, _smooth)


def without_batch_statistics(model: Model) -> tuple[Model, int]:
    """The model with group normalisation where a batch was normalised by its own statistics."""
    return _exchanged(model, _grouped)


def _exchanged(model: Model, other: object) -> tuple[Model, int]:
    """A copy with some layers exchanged; only modules can be looked into."""
    if not isinstance(model, FromModule):
        return model, 0
    changed = model.around(model.copied())
    count = 0
    for parent in list(changed.module.modules()):
        for name, child in list(parent.named_children()):
            new = other(child)  # type: ignore[operator]
            if new is not None:
                setattr(parent, name, new)
                count += 1
    changed.batch_statistics = batch_statistics(changed.module)
    return changed, count


def _smooth(layer: nn.Module) -> nn.Module | None:
    if isinstance(layer, KINKED):
        return nn.Softplus()
    for kinked, mean in POOLS.items():
        if type(layer) is kinked and layer.dilation in (1, (1, 1), (1, 1, 1)):
            own = (layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
            return mean(*own)
    return None


def _grouped(layer: nn.Module) -> nn.Module | None:
    if not isinstance(layer, nn.modules.batchnorm._BatchNorm):
        return None
    if not (layer.training or layer.running_mean is None):
        return None  # a fixed affine map
    width = layer.num_features
    groups = min(math.gcd(8, width), max(width // 2, 1))
    new = nn.GroupNorm(groups, width, eps=layer.eps, affine=layer.affine)
    if layer.affine:
        new.weight, new.bias = layer.weight, layer.bias
    return new
