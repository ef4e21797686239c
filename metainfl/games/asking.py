"""Asking a game for values: every subset once, counted, and Ctrl-C named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metainfl.errors import Interrupted
from metainfl.games.estimate import Estimate, Group
from metainfl.games.game import Array, Game, Masks, players_of


class Asking:
    """One estimator's questions to one game."""

    def __init__(self, game: Game) -> None:
        self.game, self.n = game, players_of(game)
        self.seen: set[bytes] = set()
        self.asked = 0
        self._before: int | None = getattr(game, "computed", None)

    def many(self, masks: Masks) -> Array:
        """V of each mask (k, n): (k,) or (k, targets)."""
        self.asked += len(masks)
        different, place = np.unique(np.packbits(masks, axis=1), axis=0, return_inverse=True)
        kept = np.unpackbits(different, axis=1, count=self.n).astype(bool)
        try:
            values = np.asarray(self.game.many(kept), dtype=float)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"interrupted while values of {len(kept)} subsets were asked for; a Utility remembers those "
                "that were done (with a store, on disk): the same call goes on from there"
            ) from error
        self.seen.update(row.tobytes() for row in different)
        return values[place.reshape(-1)]

    def one(self, members: Sequence[int] | range) -> Array:
        """V of one subset, given as players: () or (targets,)."""
        mask = np.zeros((1, self.n), dtype=bool)
        mask[0, list(members)] = True
        return np.asarray(self.many(mask)[0])

    def estimate(
        self,
        values: Any,
        errors: Any = None,
        groups: Sequence[Group] | None = None,
        *,
        units: int = 0,
        stopped: str = "enumerated",
        **more: Any,
    ) -> Estimate:
        """The estimate with what it cost; no errors: exact."""
        values = np.asarray(values, dtype=float)
        errors = np.zeros_like(values) if errors is None else np.asarray(errors, dtype=float)
        groups = tuple((i,) for i in range(self.n)) if groups is None else tuple(groups)
        now: int = getattr(self.game, "computed", 0)
        computed = -1 if self._before is None else now - self._before
        return Estimate(values, errors, groups, units, len(self.seen), computed, stopped, **more)
