"""The optimisers that a recipe can write down, and how."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from metainfl.training.groups import Group, Groups
from metainfl.training.optimisers import SGD, Adam, AdamW, Optimiser

KNOWN: dict[str, type[SGD] | type[Adam] | type[Groups]] = {
    "SGD": SGD,
    "Adam": Adam,
    "AdamW": AdamW,
    "Groups": Groups,
}


def written(optimiser: Optimiser) -> dict[str, Any]:
    """Name and options, those of the members of groups likewise."""
    name = type(optimiser).__name__
    own: dict[str, Any] = {f.name: getattr(optimiser, f.name) for f in fields(optimiser)}  # type: ignore[arg-type]
    if isinstance(optimiser, Groups):
        own["members"] = [
            {"rate": m.rate, "optimiser": written(m.optimiser)} for m in optimiser.members
        ]
    return {"name": name, **own}


def read(text: dict[str, Any]) -> Optimiser:
    """What `written` wrote."""
    own = dict(text)
    kind = KNOWN[own.pop("name")]
    if kind is Groups:
        own["members"] = [Group(read(m["optimiser"]), m["rate"]) for m in own["members"]]  # type: ignore[arg-type]
    return kind(**own)
