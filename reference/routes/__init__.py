"""The certification table: every family and estimand by two routes, with their agreement."""

from __future__ import annotations

from collections.abc import Iterator

from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import small
from metainfl_reference.routes import derivatives, estimands, trajectories, values
from metainfl_reference.routes.agreement import Agreement


def routes(seed: int = 0) -> Iterator[Agreement]:
    """All lines, family by family, then estimand by estimand."""
    for name in FAMILIES:
        family = small(name, seed)
        at = family.solve()
        yield from derivatives.derivatives(family, at)
        yield from derivatives.removals(family, at)
        yield from estimands.representers(family, at)
        yield derivatives.high_precision(name)
        yield estimands.second_order(name)
        yield from trajectories.runs(family)
        yield trajectories.high_precision(name)
    yield from values.enumerated()
    yield from values.subsets()
    yield from values.nearest()
    yield estimands.cooks_distance()
    yield estimands.fi_measure()
    yield estimands.direct_influence()
    yield from trajectories.credits()
    yield from derivatives.conditioning()
