"""Datamodels (Ilyas et al. 2022; 003, section 3.2): the best linear prediction of v from who is in.

    v(S) ~ b + sum_{i in S} w_i,       minimise (1/2K) sum_k [v(S_k) - b - w(S_k)]^2 + penalty |w|_1
Estimand (penalty 0): the coefficients of the best linear fit over the distribution of S. Over all 2^n
subsets alike they are the Banzhaf values; over subsets of one size m, where only differences count, the
centred Downsampling scores times (n-1)/n. Sign: positive = the data helped. Scale: that of v, a player.
Cost: one value a subset. A penalty shrinks towards 0: errors do not hold that bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Game, Masks, checked
from metainfl.games.regression import Penalty, Regression
from metainfl.games.samplers import (
    all_subsets,
    draw_bernoulli,
    draw_of_size,
    size_in,
    subsets_of_size,
)
from metainfl.games.sampling import sample, wanted
from metainfl.games.stop import Stop


@dataclass(frozen=True, eq=False)
class Datamodel:
    """The fit: `weights.values` are w (n,) or (n, targets), and `intercept` is b, () or (targets,)."""

    weights: Estimate
    intercept: Array

    def predict(self, masks: Masks) -> Array:
        """Predicted v of each mask (k, n): (k,) or (k, targets)."""
        taken = checked(masks, len(self.weights)).astype(float)
        return np.asarray(self.intercept + taken @ self.weights.values)


def datamodel(
    game: Game,
    size: int | Literal["any"] | None = None,
    *,
    penalty: Penalty | None = None,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Datamodel:
    """The fit to subsets of `size` players (default: half of them), or of any size ("any": all 2^n alike).

    penalty: of the lasso, in units of v; "cv": chosen by cross-validation, the default where samples are
    drawn; 0: least squares, the default without samples, where the fit is over all subsets, exact.
    """
    ask = Asking(game)
    n, drawn = ask.n, wanted(samples, stop)
    m = max(1, n // 2) if size is None else size
    if m != "any":
        size_in(m, 1, n - 1)
    account = Regression(("cv" if drawn else 0.0) if penalty is None else penalty, seed)
    if not drawn:
        masks = all_subsets(n) if m == "any" else subsets_of_size(n, int(m))
        account.add(masks, ask.many(masks))
        return Datamodel(ask.estimate(account.result(errors=False)[0]), account.intercept)

    def draw(rng: np.random.Generator, k: int) -> None:
        if m == "any":
            masks = draw_bernoulli(rng, n, 0.5, k)
        else:
            masks = draw_of_size(rng, n, int(m), k)
        account.add(masks, ask.many(masks))

    made: Any = {"samples": samples, "stop": stop, "seed": seed}
    found = sample(ask, draw, account, cost=1, **made)
    return Datamodel(found, account.intercept)
