"""Means of v over subsets with a player, minus those without: over all subsets, or drawn ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metainfl.games.account import Contrast
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate
from metainfl.games.game import Array, Masks
from metainfl.games.sampling import sample
from metainfl.games.stop import Stop

DrawMasks = Callable[[np.random.Generator, int], Masks]


def over_all(ask: Asking, inside: Masks, outside: Masks | None = None) -> Estimate:
    """Exact means over the rows of `inside` with a player, minus those of `outside` without."""
    outside = inside if outside is None else outside
    with_i = _mean(inside, ask.many(inside))
    without_i = _mean(~outside, ask.many(outside))
    return ask.estimate(with_i - without_i)


def over_drawn(
    ask: Asking,
    draw_inside: DrawMasks,
    draw_outside: DrawMasks | None = None,
    *,
    samples: int | None,
    stop: Stop | None,
    seed: int,
) -> Estimate:
    """The same from `samples` drawn subsets; `draw_outside`: another distribution for those without."""
    account = Contrast(ask.n)

    def draw(rng: np.random.Generator, k: int) -> None:
        masks = draw_inside(rng, k)
        if draw_outside is None:
            account.add(masks, ask.many(masks))
            return
        others = draw_outside(rng, k)
        values = ask.many(np.concatenate([masks, others]))
        account.add(masks, values[:k], (others, values[k:]))

    cost = 1 if draw_outside is None else 2
    return sample(ask, draw, account, samples=samples, stop=stop, seed=seed, cost=cost)


def _mean(take: Masks, values: Array) -> Array:
    """Mean over the subsets that count for each player."""
    rows = take.T / take.sum(axis=0)[:, None]
    return np.tensordot(rows, values, axes=1)
