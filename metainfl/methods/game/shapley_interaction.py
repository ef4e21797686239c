"""Shapley interaction index (003, eq. 19; Grabisch and Roubens 1999).

    I(A) = sum_{D without A} (n-|A|-|D|)! |D|! / (n-|A|+1)! delta_A(D)
    delta_A(D) = sum_{B in A} (-1)^{|A|-|B|} v(D + B)
That is: |D| uniform on 0..n-|A|, D uniform of its size. Estimand: itself; |A| = 1 is the Shapley value. Not
efficient for orders above 1. Sign: positive = together they are worth more than apart. Scale: that of v.
Cost: 2^n values for all groups, or 2^|A| a group and draw.
"""

from __future__ import annotations

import numpy as np

from metainfl.games.asking import Asking
from metainfl.games.discrete import averaged, groups_of
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game
from metainfl.games.stop import Stop


def shapley_interaction(
    game: Game,
    order: int = 2,
    *,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
) -> Estimate:
    """I(A) for every group of `order` players (groups,) or (groups, targets), rows as `Estimate.groups`.

    Exact without `samples` and `stop`; otherwise unbiased, one subset D a unit and group.
    """
    ask = Asking(game)
    groups = groups_of(ask.n, order)
    sizes = np.full(ask.n - order + 1, 1 / (ask.n - order + 1))
    return averaged(ask, groups, sizes, samples=samples, stop=stop, seed=seed)
