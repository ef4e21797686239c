"""A Shapley value of a logistic regression: v(S) = minus the validation loss of what is trained on S.

Two classes, weights +- w/2 on the inputs (no further constant), regulariser (reg/4) |w|^2: a softmax
regression of two columns with (reg/2) |W|^2. Many subsets at once, by Newton's method with a line search;
`metainfl.games.solved` takes tenths of a second for each, and there are fifteen thousand.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from metainfl.errors import NotConverged
from metainfl.games.game import Array, Masks, checked
from metainfl.methods.game import shapley_permutations

STEPS, AT_ONCE = 60, 2000
GRADIENT = 1e-8


class LogisticGame:
    """The game of n training points; inputs (n, d) and (m, d), labels one-hot of two classes."""

    def __init__(
        self, train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor], reg: float
    ) -> None:
        (self.x, y), (self.vx, vy) = train, valid
        self.sign, self.vsign = y[:, 1] - y[:, 0], vy[:, 1] - vy[:, 0]
        self.n, self.reg = len(self.x), reg
        self.squares = (self.x[:, :, None] * self.x[:, None, :]).flatten(1)

    def many(self, masks: Masks) -> Array:
        """V of each mask (k,): minus the mean loss on the validation points."""
        masks = checked(masks, self.n)
        parts = [self.worth(masks[a : a + AT_ONCE]) for a in range(0, len(masks), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def worth(self, masks: Masks) -> Array:
        """The same, of as many as fit at once."""
        w = self.solved(torch.tensor(masks, dtype=self.x.dtype))
        found: Array = -softplus(-(w @ self.vx.T) * self.vsign).mean(1).numpy()
        return found

    def solved(self, there: Tensor) -> Tensor:
        """W (k, d) at the minimum of each subset, weights `there` (k, n)."""
        w = self.x.new_zeros(len(there), self.x.shape[1])
        eye = torch.eye(w.shape[1], dtype=w.dtype)
        for _ in range(STEPS):
            margin = w @ self.x.T * self.sign
            p = torch.sigmoid(-margin)
            slope = self.reg / 2 * w - (there * p * self.sign) @ self.x
            if float(slope.abs().max()) <= GRADIENT:
                return w
            bend = ((there * p * (1 - p)) @ self.squares).reshape(-1, *eye.shape)
            step = torch.linalg.solve(bend + self.reg / 2 * eye, slope)
            before, down = self._cost(w, there), (slope * step).sum(1)
            length = torch.ones_like(before)
            for _ in range(30):
                more = self._cost(w - length[:, None] * step, there)
                short = more > before - 1e-4 * length * down + 1e-12 * before.abs()
                if not short.any():
                    break
                length = torch.where(short, length / 2, length)
            w = w - length[:, None] * step
        raise NotConverged(
            f"a subset's logistic regression has a gradient of {float(slope.abs().max()):.2g} after "
            f"{STEPS} steps of Newton's method: raise reg, or scale the inputs"
        )

    def _cost(self, w: Tensor, there: Tensor) -> Tensor:
        losses = (there * softplus(-(w @ self.x.T) * self.sign)).sum(1)
        return losses + self.reg / 4 * w.square().sum(1)


def shapley_order(
    train: tuple[Tensor, Tensor],
    valid: tuple[Tensor, Tensor],
    reg: float,
    *,
    samples: int,
    seed: int,
) -> list[int]:
    """Training points by their Shapley value from `samples` orders, in pairs of opposites; lowest first."""
    game = LogisticGame(train, valid, reg)
    values = shapley_permutations(game, samples=samples, antithetic=True, seed=seed).values
    return [int(j) for j in np.argsort(values, kind="stable")]
