"""High-dimensional representers (Tsai et al. 2023; 003, section 5.1.2.3): other regularisers than L2.

    minimise sum_i l_i(theta' x_i) + strength r(theta),      g = -(1/strength) sum_i x_i l'_i  in dr(theta)
    f(x_t) = sum_i alpha_i k(x_i, x_t),     alpha_i = -(1/strength) l'_i,     k(x_i, x_t) = x_i' M x_t
    lasso     r = |theta|_1             M = diag(|theta|)       since theta_j = |theta_j| g_j
    nuclear   r = |theta|_* (d, c)      M = (theta theta')^{1/2}, since g = U V' + W, U'W = 0
The kernel is read from the subdifferential g, in which theta's sign (its singular directions) stands: where
theta is 0, features do not count. Eq. 48 says which regularisers decompose; the survey has no formula for
the kernels, these two are derived here. Estimand: a decomposition, exact at a minimiser. Sign: positive
raises the output. Cost: one product an instance (nuclear: an SVD of theta).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from metainfl.errors import InvalidOption, NotStationary

Regulariser = Literal["lasso", "nuclear"]


def high_dimensional(
    theta: Tensor,
    x: Tensor,
    slopes: Tensor,
    at: Tensor,
    *,
    strength: float,
    regulariser: Regulariser = "lasso",
    rtol: float = 1e-4,
) -> Tensor:
    """Each instance's part of the outputs at `at` (m, d): (n, m, c); over n they add up.

    theta (d, c); x (n, d); slopes (n, c) are dl_i/d output with the instance's weight in them. Raises
    `NotStationary` where the parts miss the outputs by more than `rtol` of them: theta is no minimiser.
    """
    if not 0 < strength < math.inf:
        raise InvalidOption(f"the regulariser's strength must be positive, got {strength}")
    if not rtol >= 0:
        raise InvalidOption(f"rtol is a share of the outputs, 0 or more, got {rtol}")
    _fit(theta, x, slopes, at)
    alpha, wanted = -slopes / strength, at @ theta
    if regulariser == "lasso":  # one kernel an output: |theta| has a column for each
        parts = torch.einsum("nd,dc,md,nc->nmc", x, theta.abs(), at, alpha)
    elif regulariser == "nuclear":
        u, s, _ = torch.linalg.svd(theta, full_matrices=False)
        parts = (((x @ u) * s) @ (at @ u).T)[..., None] * alpha[:, None, :]
    else:
        raise InvalidOption(f"regulariser is 'lasso' or 'nuclear', got {regulariser!r}")
    gap = float((parts.sum(0) - wanted).norm())
    if not gap <= rtol * float(wanted.norm()):
        raise NotStationary(
            f"the parts miss the outputs by {gap / max(float(wanted.norm()), 1e-300):.2g} of them: theta is "
            "no minimiser of sum l + strength r (is the loss a mean? multiply strength by n; an intercept? "
            "take it out), or the solver stopped early",
            residual=gap,
        )
    return parts


def _fit(theta: Tensor, x: Tensor, slopes: Tensor, at: Tensor) -> None:
    """Shapes (d, c), (n, d), (n, c), (m, d), and nothing but finite numbers."""
    given = {"theta": theta, "x": x, "slopes": slopes, "at": at}
    if [t.ndim for t in given.values()] != [2] * 4 or not (
        x.shape == (len(slopes), len(theta))
        and slopes.shape[1] == theta.shape[1]
        and at.shape[1] == len(theta)
    ):
        raise InvalidOption(
            "theta (d, c), x (n, d), slopes (n, c) and at (m, d) do not fit: "
            + ", ".join(str(tuple(t.shape)) for t in given.values())
        )
    for name, t in given.items():
        if not torch.isfinite(t).all():
            where = torch.nonzero(~torch.isfinite(t))[0].tolist()
            raise InvalidOption(f"{name} is not finite at index {where}: clean or drop it")
