"""MAML (002, section 3), k gradient steps, linear model, squared loss: theta_k is affine in lam.

    theta_t = B theta_{t-1} + b,   B = I - alpha (X'UX + d_in I),   b = alpha (X'UY + d_in lam)

so F is quadratic in lam, d2 theta/d lam2 = 0, and lam*, influences and removals need linear algebra
only. The derivatives are those of `maml_softmax` with l'' = I and l''' = 0.
"""

from __future__ import annotations

from metainfl_reference.families.maml_softmax import MamlSoftmax
from metainfl_reference.losses import Name


class MamlLinear(MamlSoftmax):
    """Unrolled adaptation with squared loss: F is quadratic."""

    name = "maml_linear"
    quadratic = True
    loss_name: Name = "squared"
