"""Games of a problem: the utility of a value of subsets, and what its values depend on.

The store of such a game is told a digest, so that a file of other data, weights or targets is refused.
"""

from __future__ import annotations

from typing import Any, Protocol

from metainfl.derive.problem import Problem
from metainfl.derive.witness import witness
from metainfl.games.game import Masks
from metainfl.games.players import Players
from metainfl.games.target import Target
from metainfl.games.utility import Utility
from metainfl.problem.digest import digest, meaning


class Value(Protocol):
    """Mask -> v(S), and whose mask it is."""

    players: Players

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        ...


def game_of(
    value: Value, problem: Problem, target: Target, kind: str, options: dict[str, Any]
) -> Utility:
    """The utility; its identity is that of the caller beside the problem's.

    A target that is a function cannot be read: with a store it needs an identity from the caller.
    """
    told = str(options.pop("identity", ""))
    if told or not callable(target):
        told = f"{identity_of(problem, target, value.players.players, kind)} {told}".rstrip()
    return Utility(value, len(value.players), identity=told, **options)


def identity_of(problem: Problem, target: Target, *more: Any) -> str:
    """A digest of what values of a problem's subsets depend on: see `metainfl.problem.digest`.

    A target that is a function counts by its name; what is in it is the caller's to tell.
    """
    read: object = target
    if callable(target):
        read = str(getattr(target, "__qualname__", type(target).__qualname__))
    seen = witness(problem, problem.lam)
    return digest(meaning(problem), seen, problem.symmetry, problem.lam, read, more)
