"""Single-level ridge regression: everything in closed form (no adaptation).

    L_O^i(Lam) = sum_j v_ij |Lam' x_ij - y_ij|^2 / 2
    lam*       = (X' W X + d_out I)^{-1} X' W Y           with W = diag(w_i v_ij)

F is quadratic, so one Newton step from anywhere is lam*.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.losses import Name

Array = np.ndarray


class SingleRidge(SingleSoftmax):
    """F = sum_i w_i sum_j v_ij |Lam' x_ij - y_ij|^2/2 + d_out/2 |Lam|^2."""

    name = "single_ridge"
    quadratic = True
    loss_name: Name = "squared"
