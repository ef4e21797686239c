"""Perturbations: directions in the space of weights, or shifts of one input.

Every task k, support instance (k, j) and query instance (k, j) carries a weight, 1 by default.
A perturbation is a direction in that space; its influence is d lam* / d(step along it).
An input shift moves one feature of one instance, x -> x + omega e_axis (paper 004).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from metainfl.errors import InvalidProblem
from metainfl.numbers import among, said, whole

Kind = Literal["task", "support", "query", "support_input", "query_input", "group"]
KINDS: tuple[Kind, ...] = ("task", "support", "query", "support_input", "query_input", "group")


@dataclass(frozen=True, order=True)
class Perturbation:
    """One direction. Make it with `task`, `support`, `query`, `shift` or `group`."""

    kind: Kind
    task: int = -1
    instance: int = -1
    axis: int = -1
    members: tuple[Perturbation, ...] = ()

    def __post_init__(self) -> None:
        if not among(self.kind, KINDS):
            raise InvalidProblem(
                f"there is no perturbation of kind {self.kind!r}; there are {', '.join(KINDS)}"
            )
        if self.kind == "group" and not self.members:
            raise InvalidProblem(
                "an empty group moves nothing: give metainfl.group a member, such as metainfl.task(0)"
            )
        for name in (
            "task",
            "instance",
            "axis",
        ):  # a tensor would be another key than the number in it
            place = whole(getattr(self, name), f"the {name} of a perturbation")
            object.__setattr__(self, name, place)

    def __str__(self) -> str:
        """`task 3`, `support 3.1`, `query_input 3.1[0]`, `group(task 1, task 2)`."""
        if self.kind == "group":
            return "group(" + ", ".join(map(str, self.members)) + ")"
        text = f"{self.kind} {self.task}"
        if self.instance >= 0:
            text += f".{self.instance}"
        return text + (f"[{self.axis}]" if self.axis >= 0 else "")


def task(k: int) -> Perturbation:
    """The weight of task k."""
    return Perturbation("task", k)


def support(k: int, j: int) -> Perturbation:
    """The weight of support instance j of task k."""
    return Perturbation("support", k, j)


def query(k: int, j: int) -> Perturbation:
    """The weight of query instance j of task k."""
    return Perturbation("query", k, j)


def shift(side: Literal["support", "query"], k: int, j: int, axis: int) -> Perturbation:
    """A shift of feature `axis` of one instance, in units of that feature."""
    if not among(side, ("support", "query")):
        raise InvalidProblem(f'a side is "support" or "query", got {side!r}')
    return Perturbation("support_input" if side == "support" else "query_input", k, j, axis)


def group(members: Iterable[Perturbation]) -> Perturbation:
    """All members at once, each with step 1. Shifts cannot be members; groups are flattened.

    Raises `InvalidProblem` for a shift, for a weight that is named twice, and for no members at all.
    """
    if isinstance(members, Perturbation) or not _several(members):
        raise InvalidProblem(
            f"a group is made of a list, metainfl.group([metainfl.task(0)]) say; got {said(members)}"
        )
    flat: list[Perturbation] = []
    for m in members:
        if not hasattr(m, "members"):
            raise InvalidProblem(
                f"a group holds perturbations, such as metainfl.task(0); got {type(m).__name__}"
            )
        if m.kind in ("support_input", "query_input"):
            raise InvalidProblem(f"{m} is an input shift; a group holds weights only")
        flat.extend(m.members if m.kind == "group" else (m,))
    if len(set(flat)) != len(flat):
        raise InvalidProblem("a group names the same weight twice; list each member once")
    return Perturbation("group", members=tuple(flat))


def _several(members: Any) -> bool:
    """Whether it can be gone through: an array or tensor of one number cannot, though it says so."""
    return isinstance(members, Iterable) and getattr(members, "ndim", None) != 0


def listed(members: Any) -> list[Perturbation]:
    """Perturbations as a list, of anything that holds nothing else."""
    if _several(members) and not isinstance(members, (str, bytes)):
        found = list(members)
        if all(isinstance(m, Perturbation) for m in found):
            return found
    raise InvalidProblem(
        f"give perturbations in a list, [metainfl.task(0)] say; got {said(members)}"
    )


def parts(perturbation: Perturbation) -> tuple[Perturbation, ...]:
    """The members of a group, or the perturbation itself."""
    return perturbation.members if perturbation.kind == "group" else (perturbation,)
