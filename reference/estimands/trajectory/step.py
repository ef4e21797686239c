"""One step of any optimiser, U_t(s, g), with weight decay, and its derivatives.

g'   = g + decay lam   (coupled)        lam' = (1 - rate decay) lam - rate direction   (decoupled)
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from metainfl_reference.estimands.trajectory import adam, sgd
from metainfl_reference.estimands.trajectory.clip import clipped, turned
from metainfl_reference.estimands.trajectory.recipe import Recipe
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.wide import like

Array = np.ndarray
OPTIMISERS: dict[str, ModuleType] = {"sgd": sgd, "adam": adam}


def forward(r: Recipe, rate: float, s: State, g: Array) -> State:
    """The next state."""
    coupled, shrink, pace = _decay(r, rate, s)
    g = clipped(g, r.clip) + coupled * s.lam
    first, second, turn = OPTIMISERS[r.optimiser].update(r, s, g)
    return State(shrink * s.lam - pace * turn, first, second, s.count + 1)


def push(r: Recipe, rate: float, s: State, g: Array, ds: State, dg: Array) -> State:
    """Tangents (p, n) of the next state."""
    coupled, shrink, pace = _decay(r, rate, s)
    dg = turned(g, r.clip, dg) + coupled * ds.lam
    g = clipped(g, r.clip) + coupled * s.lam
    first, second, turn = OPTIMISERS[r.optimiser].push(r, s, g, ds, dg)
    return State(shrink * ds.lam - pace * turn, first, second, s.count + 1)


def pull(r: Recipe, rate: float, s: State, g: Array, bar: State) -> tuple[State, Array]:
    """Cotangents of the state and of g, given those of the next state."""
    coupled, shrink, pace = _decay(r, rate, s)
    own = clipped(g, r.clip) + coupled * s.lam
    first, second, g_bar = OPTIMISERS[r.optimiser].pull(r, s, own, bar, -pace * bar.lam)
    before = State(shrink * bar.lam + coupled * g_bar, first, second, s.count)
    return before, turned(g, r.clip, g_bar)


def _decay(r: Recipe, rate: float, s: State) -> tuple[Array, Array, Array]:
    """Coupled decay, the factor on lam, and the rate, in the state's own number type."""
    pace, decay, zero, one = like(s.lam, [rate, r.weight_decay, 0.0, 1.0])
    return (zero, one - pace * decay, pace) if r.decoupled else (decay, one, pace)
