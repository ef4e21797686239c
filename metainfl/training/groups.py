"""Parameter groups: some parameters stepped otherwise than others, as groups of `torch.optim` are.

No weight decay on biases, a slower rate for the features than for the head: each group has an optimiser and a
factor on the recipe's rate. The groups are one optimiser to a run, whose step is theirs side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor, nn

from metainfl.errors import InvalidRecipe
from metainfl.numbers import NOT_NEGATIVE
from metainfl.problem.given import said
from metainfl.training.given import number, whole
from metainfl.training.optimisers import SGD, Adam, Moments, Optimiser

Own = SGD | Adam
Places = Tensor | slice


@dataclass(frozen=True)
class Group:
    """How some parameters are stepped; their rate is the recipe's times `rate`."""

    optimiser: Own
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.optimiser, (SGD, Adam)):
            raise InvalidRecipe(
                f"a group is stepped by SGD(...), Adam(...) or AdamW(...); got {said(self.optimiser)}"
            )
        number(self.rate, "rate of a group", NOT_NEGATIVE)


@dataclass(frozen=True)
class Groups:
    """`members`, and whose each number of lam is: `runs` holds (member, how many numbers), in lam's order.

    `by_name` makes them from the names of a network's parameters, `Recorder` from a torch optimiser.
    """

    members: tuple[Group, ...]
    runs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        put = object.__setattr__
        members = tuple(self.members) if isinstance(self.members, (tuple, list)) else ()
        if not members or not all(isinstance(m, Group) for m in members):
            raise InvalidRecipe(
                f"members are Groups of parameters, (Group(AdamW()), Group(AdamW(weight_decay=0.0))) say; "
                f"got {said(self.members)}"
            )
        if len({isinstance(m.optimiser, SGD) for m in members}) > 1:
            raise InvalidRecipe("SGD and Adam do not carry the same: give groups of one of them")
        given = list(self.runs) if isinstance(self.runs, (tuple, list)) else [None]
        if not given or not all(isinstance(r, (tuple, list)) and len(r) == 2 for r in given):
            raise InvalidRecipe(
                f"runs are pairs (member, how many numbers), ((0, 12), (1, 3)) say; got {said(self.runs)}"
            )
        runs = [(whole(k, "member", 0), whole(n, "numbers of a group", 1)) for k, n in given]
        if any(k >= len(members) for k, _ in runs):
            raise InvalidRecipe(f"runs name member {max(runs)[0]} of {len(members)}")
        put(self, "members", members)
        put(self, "runs", tuple(runs))

    @property
    def n_moments(self) -> int:
        """The most that a member carries."""
        return max(m.optimiser.n_moments for m in self.members)

    @property
    def needs_gradient(self) -> bool:
        """Whether a member's does."""
        return any(m.optimiser.needs_gradient for m in self.members)

    def factors(self, like: Tensor) -> Tensor:
        """Of each number of lam (p,) its group's factor on the rate."""
        found = torch.empty_like(like)
        for at, _, factor in parts(self, like):
            found[at] = factor
        return found

    def require_size(self, n_meta: int) -> None:
        """`InvalidRecipe` where these are the groups of another network."""
        own = sum(n for _, n in self.runs)
        if own != n_meta:
            raise InvalidRecipe(
                f"the groups are of {own} numbers, and the problem has {n_meta} meta-parameters: make them "
                "of its own network, by_name(net, ...)"
            )

    def step(
        self, lam: Tensor, moments: Moments, gradient: Tensor, rate: float, count: int
    ) -> tuple[Tensor, Moments]:
        """One step of each member on its own numbers."""
        found: list[tuple[Tensor, ...]] = []
        for at, own, its in parts(self, lam, rate):
            mine = tuple(m[at] for m in moments)
            n = own.n_moments
            new, carried = own.step(lam[at], mine[:n], gradient[at], its, count)
            found.append((new, *carried, *mine[n:]))
        places = _places(self.runs, len(self.members), str(lam.device))
        back = torch.cat(places).argsort()
        new, *rest = (torch.cat(each)[back] for each in zip(*found, strict=True))
        return new, tuple(rest)


def parts(
    optimiser: Optimiser, lam: Tensor, rate: float = 1.0
) -> list[tuple[Places, Optimiser, float]]:
    """What steps which numbers of lam: their places, an optimiser and its rate; one without groups."""
    if not isinstance(optimiser, Groups):
        return [(slice(None), optimiser, rate)]
    places = _places(optimiser.runs, len(optimiser.members), str(lam.device))
    return [
        (at, own.optimiser, rate * own.rate)
        for own, at in zip(optimiser.members, places, strict=True)
    ]


@lru_cache(maxsize=8)
def _places(runs: tuple[tuple[int, int], ...], members: int, device: str) -> tuple[Tensor, ...]:
    """Of each member the numbers of lam that are its own."""
    owner = torch.cat([torch.full((n,), k, device=device) for k, n in runs])
    return tuple((owner == k).nonzero()[:, 0] for k in range(members))


def by_name(net: nn.Module, others: Own | Group, named: Mapping[str, Own | Group]) -> Groups:
    """Groups of a network's trained parameters: the first pattern of `named` that fits a name, else `others`.

        by_name(net, AdamW(), {"*.bias": AdamW(weight_decay=0.0), "head.*": Group(AdamW(), rate=10.0)})

    Patterns are those of a shell. Raises `InvalidRecipe` for a pattern that no parameter has.
    """
    if not isinstance(net, nn.Module) or not isinstance(named, Mapping):
        raise InvalidRecipe(
            'the order is by_name(net, AdamW(), {"*.bias": AdamW(weight_decay=0.0)}); got '
            f"{said(net)}, {said(named)}"
        )
    trained = {n: p for n, p in net.named_parameters() if p.requires_grad}
    for pattern in named:
        if not any(fnmatchcase(n, pattern) for n in trained):
            raise InvalidRecipe(
                f"no trained parameter is called {pattern!r}; there are {', '.join(trained)}"
            )
    of = {n: next((p for p in named if fnmatchcase(n, p)), None) for n in trained}
    used = [p for p in (None, *named) if p in of.values()]
    made = (others if p is None else named[p] for p in used)
    members = tuple(g if isinstance(g, Group) else Group(g) for g in made)
    return Groups(members, joined((used.index(of[n]), p.numel()) for n, p in trained.items()))


def joined(runs: object) -> tuple[tuple[int, int], ...]:
    """The same, neighbours of one member together."""
    together = groupby(runs, key=lambda run: run[0])  # type: ignore[call-overload]
    return tuple((k, sum(n for _, n in same)) for k, same in together)
