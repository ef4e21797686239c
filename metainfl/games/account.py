"""Running means, and the standard errors that follow from them: one entry a player and target."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.game import Array, Masks


class TooFew(InvalidOption):
    """Not enough was drawn for an error."""


#: values, standard errors, degrees of freedom
Result = tuple[Array, Array, float]


class Account(Protocol):
    """What was seen so far."""

    def result(self) -> Result:
        """Values, errors and degrees of freedom; `TooFew` where too little was seen."""
        ...


class Mean:
    """The mean of independent units, each a whole array: errors from their scatter."""

    def __init__(self) -> None:
        self.count, self.mean, self.scatter = 0, np.zeros(()), np.zeros(())

    def add(self, units: Array) -> None:
        """More of them (k, ...); sums of squares are merged about the means, so nothing cancels."""
        k, mean = len(units), units.mean(axis=0)
        scatter = ((units - mean) ** 2).sum(axis=0)
        gap, total = mean - self.mean, self.count + k
        self.scatter = self.scatter + scatter + gap**2 * (self.count * k / total)
        self.mean = self.mean + gap * (k / total)
        self.count = total

    def result(self) -> Result:
        """Mean, s / sqrt(k), k - 1."""
        if self.count < 2:
            raise TooFew(
                f"{self.count} units drawn: an error needs two. Take more samples, or a larger budget"
            )
        error = np.sqrt(self.scatter / (self.count - 1) / self.count)
        return self.mean, error, self.count - 1.0


class Contrast:
    """Mean of v with a player in, minus the mean without: for every player from the same subsets.

    error^2 = s_in^2 / K_in + s_out^2 / K_out. `inside` and `outside` may be given different subsets.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.sides = [_Side(n), _Side(n)]

    def add(self, masks: Masks, values: Array, outside: tuple[Masks, Array] | None = None) -> None:
        """Subsets (k, n) with their values; `outside` counts those without a player, where given."""
        self.sides[0].add(masks, values)
        masks, values = (masks, values) if outside is None else outside
        self.sides[1].add(~masks, values)

    def result(self) -> Result:
        """Differences; `TooFew` names a player who was in, or out, fewer than twice."""
        for side, word in zip(self.sides, ("in", "out of"), strict=True):
            few = np.flatnonzero(side.count < 2)
            if len(few):
                raise TooFew(
                    f"player {few[0]} was {word} {int(side.count[few[0]])} of the subsets drawn; an error "
                    "needs two. Take more samples, or another size of subsets"
                )
        (mean_in, var_in), (mean_out, var_out) = (side.moments() for side in self.sides)
        degrees = min(int(np.min(side.count)) for side in self.sides) - 1
        return mean_in - mean_out, np.sqrt(var_in + var_out), float(degrees)


class _Side:
    """Count, sum and sum of squares of v over the subsets that count for each player."""

    def __init__(self, n: int) -> None:
        self.count = np.zeros(n)
        self.shift: Array | None = None  # an own value: squares about it do not cancel
        self.sum = self.square = np.zeros(n)

    def add(self, masks: Masks, values: Array) -> None:
        if self.shift is None:
            self.shift = values[0]
            self.sum = self.square = np.zeros((len(self.count), *values.shape[1:]))
        take, off = masks.T.astype(float), values - self.shift
        self.count = self.count + take.sum(axis=1)
        self.sum, self.square = self.sum + take @ off, self.square + take @ off**2

    def moments(self) -> tuple[Array, Array]:
        """Mean, and the variance of that mean."""
        k = self.count.reshape(-1, *[1] * (self.sum.ndim - 1))
        mean = self.sum / k
        scatter = np.maximum(self.square - k * mean**2, 0)
        assert self.shift is not None
        return mean + self.shift, scatter / (k - 1) / k
