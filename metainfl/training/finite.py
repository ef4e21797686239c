"""Derivatives of a run that are not finite, by quantity and step: none is handed back."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import RunNotFinite


def finite(value: Tensor, quantity: str, step: int) -> Tensor:
    """`value`, or `RunNotFinite`."""
    if not torch.isfinite(value).all():
        raise RunNotFinite(
            f"the {quantity} overflows or is undefined at step {step}: the run is not smooth there (a kink, "
            "a root or norm at 0, or steps too large for the curvature); look at run.smoothness(), lower the "
            "rate, or ask about a last phase of the run (run.phase)",
            step=step,
            quantity=quantity,
        )
    return value
