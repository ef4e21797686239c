"""What a game is: n players, and the value v(S) of every subset of them.

v maps a mask (n,) of booleans (True: the player is in) to a number, or to a vector of them: one entry a
target, so that one solve serves all targets. By convention a larger v is better; where it comes from a
loss, v = -loss, and a positive value of a player means that the data helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from metainfl.errors import InvalidOption, NotFinite
from metainfl.numbers import said

Array = NDArray[np.float64]
Masks = NDArray[np.bool_]
MOST_PLAYERS = 20  # 2^20 values: what enumerations take


class Game(Protocol):
    """All that an estimator asks for."""

    @property
    def n(self) -> int:
        """How many players."""
        ...

    def many(self, masks: Masks) -> Array:
        """V of each mask (k, n): (k,), or (k, targets)."""
        ...


class Table:
    """A game given as its 2^n values (2^n,) or (2^n, targets); bit i of an index says whether i is in."""

    def __init__(self, values: Any) -> None:
        try:
            self.values = np.array(values, dtype=float)
        except (TypeError, ValueError) as error:
            raise InvalidOption(f"values of a game are numbers, got {said(values)}") from error
        self.n = len(self.values).bit_length() - 1 if self.values.ndim else 0
        if self.values.ndim not in (1, 2) or len(self.values) != 2**self.n or self.n < 1:
            raise InvalidOption(
                f"a game of n players holds 2^n values (n >= 1), or 2^n rows; got shape {self.values.shape}"
            )
        if not np.isfinite(self.values).all():
            raise NotFinite("a value of the game is not finite", quantity="value of a subset")

    def many(self, masks: Masks) -> Array:
        """The rows that the masks name."""
        return self.values[checked(masks, self.n).astype(np.int64) @ (1 << np.arange(self.n))]

    def __call__(self, mask: Sequence[bool]) -> Any:
        """V of one mask."""
        return self.many(np.asarray([mask]))[0]


def players_of(game: Game) -> int:
    """How many players a game has; `InvalidOption` for what is no game."""
    if not (hasattr(game, "many") and hasattr(game, "n")):
        raise InvalidOption(
            f"{type(game).__name__} is no game: give metainfl.games.Table of 2^n values, or "
            "metainfl.games.Utility of a function of a mask"
        )
    return game.n


def checked(masks: Any, n: int) -> Masks:
    """The masks as booleans (k, n); `InvalidOption` for anything else, 0/1 numbers included."""
    out = np.asarray(masks)
    if out.ndim != 2 or out.shape[1] != n or out.dtype != bool:
        raise InvalidOption(
            f"masks are booleans of shape (k, {n}), True where a player is in; got {out.dtype} of shape "
            f"{out.shape}"
        )
    return out
