"""One step of the program after its gradient: clipping and the optimiser; pulled back, and pushed forward.

Pulled back and pushed in float64, whatever the run is in: where the root of Adam's second moment is as large
as the first, as in its first step, the derivative is eps / (|g| + eps)^2, what is left of terms that are
|g| / eps times as large. Float32 has no digit of that.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.training.known import KNOWN
from metainfl.training.optimisers import Moments, Optimiser, clipped
from metainfl.training.state import State

#: numbers of each that are pulled back together, which bounds what float64 takes
AT_ONCE = 2**24
#: rows of (lam, each moment, gradient), one a target or a weight
Bars = tuple[Tensor, ...]


class Update:
    """U_t: (lam, moments, gradient) -> (lam, moments)."""

    def __init__(self, optimiser: Optimiser, clip: float | None) -> None:
        self.optimiser, self.clip = optimiser, clip
        self.needs_gradient = optimiser.needs_gradient or clip is not None

    def __call__(self, state: State, gradient: Tensor, rate: float) -> State:
        """The next state."""
        lam, moments = self._step(state.lam, state.moments, gradient, rate, state.steps)
        return State(lam, tuple(moments), state.steps + 1)

    def _step(
        self, lam: Tensor, moments: Moments, gradient: Tensor, rate: float, count: int
    ) -> tuple[Tensor, Moments]:
        if self.clip is not None:
            gradient = clipped(gradient, self.clip)
        return self.optimiser.step(lam, moments, gradient, rate, count)

    def pull(self, state: State, gradient: Tensor, rate: float, bars: Bars) -> Bars:
        """Rows (m, p) for lam, moments and gradient from rows for the next lam and moments."""
        with torch.enable_grad():
            given, outputs = self._written_down(state, gradient, rate)
            return _each(outputs, given, bars)

    def push(self, state: State, gradient: Tensor, rate: float, rows: Bars) -> Bars:
        """Rows (n, p) for the next lam and moments from rows for lam, moments and gradient.

        What pulls back is linear in what it is given, and the pull of that is the push: forward mode goes
        through Python for a division, which took longer than the rest of the step.
        """
        with torch.enable_grad():
            given, outputs = self._written_down(state, gradient, rate)
            bars = [torch.zeros_like(o, requires_grad=True) for o in outputs]
            live = [(o, b) for o, b in zip(outputs, bars, strict=True) if o.requires_grad]
            back = torch.autograd.grad(
                [o for o, _ in live],
                given,
                [b for _, b in live],
                create_graph=True,
                materialize_grads=True,
            )
            return _each(back, bars, rows)

    def _written_down(
        self, state: State, gradient: Tensor, rate: float
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Lam, moments and gradient, and the next lam and moments as functions of them."""
        own = (state.lam, *state.moments, gradient)
        if (
            type(self.optimiser) in KNOWN.values() and gradient.device.type != "mps"
        ):  # which has no float64
            own = tuple(t.double() for t in own)
        given = [t.detach().requires_grad_() for t in own]
        lam, moments = self._step(given[0], tuple(given[1:-1]), given[-1], rate, state.steps)
        return given, [lam, *moments]


def _each(outputs: Sequence[Tensor], given: Sequence[Tensor], bars: Bars) -> Bars:
    """Rows pulled back from outputs to what they were given, all at once."""
    # what does not hang on anything (no moments, a first step) has nothing to pull back
    live = [(o, b) for o, b in zip(outputs, bars, strict=True) if o.requires_grad]
    leaves, rows = [o for o, _ in live], tuple(b.to(o) for o, b in live)

    def one(*v: Tensor) -> Bars:
        return torch.autograd.grad(leaves, given, v, retain_graph=True, materialize_grads=True)

    if len(bars[0]) == 1:
        found = tuple(f[None] for f in one(*(b[0] for b in rows)))
    else:
        found = vmap(one, chunk_size=max(1, AT_ONCE // len(bars[0][0])))(*rows)
    return tuple(f.to(bars[0]) for f in found)
