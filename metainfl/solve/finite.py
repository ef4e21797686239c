"""No NaN and no infinity goes through a solver without a word."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import NotFinite


def finite_columns(value: Tensor, quantity: str, advice: str) -> Tensor:
    """`value` (p,) or (p, k) as it is; `NotFinite` names the first column that has a NaN or an infinity.

    The sum of finite numbers is looked at first: it is finite as a rule, and costs a single pass.
    """
    if torch.isfinite(value.sum()) or torch.isfinite(value).all():
        return value
    bad = ~torch.isfinite(value).reshape(len(value), -1)
    column = int(bad.any(0).nonzero()[0])
    row = int(bad[:, column].nonzero()[0])
    what = "nan" if bool(torch.isnan(value.reshape(len(value), -1)[row, column])) else "infinite"
    raise NotFinite(
        f"the {quantity} is {what} in row {row}, column {column}: {advice}",
        quantity=quantity,
        column=column,
    )
