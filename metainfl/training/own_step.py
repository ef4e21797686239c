"""Whether torch follows the steps of an optimiser of one's own; looked at before a run's first step.

A run's derivative is what torch says of each step, and where `needs_gradient` is false, what it says at a
gradient of 0. Both are compared with differences, at numbers drawn once: at the first step, where moments
are 0 and some things are done this once, at the second and at the last. Moments are those of a few steps
along drawn gradients: numbers drawn one by one might be none that any run has, of a centred second moment
say.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe, MetainflError
from metainfl.problem.given import said
from metainfl.training.known import KNOWN
from metainfl.training.state import State
from metainfl.training.update import Update

#: differences are off by eps / NEAR of the step's length, 2e-9 of RATE
RATE, NEAR, OFF = 0.1, 1e-6, 1e-4
#: steps before the one that is looked at, if it is not the first
BEFORE = 3


def require_followed(update: Update, start: State, steps: int) -> None:
    """`InvalidRecipe` where the derivative of a step of the optimiser is not what torch says it is, where a
    step returns something of another shape, or raises. Ours are tested, and not looked at here.

    Under `no_grad` or `detach` torch says 0, and so would every influence.
    """
    if type(update.optimiser) in KNOWN.values():
        return
    _require_shapes(update, start.lam)
    draw = torch.Generator().manual_seed(0)

    def drawn() -> Tensor:
        found = torch.randn(
            len(start.lam), generator=draw, dtype=torch.float64, device=torch.device("cpu")
        )
        # no number is near 0, where signs and roots have kinks that no difference sees through
        return (found + 0.5 * found.sign()).to(start.lam.device)

    zeros = torch.zeros_like(start.lam, dtype=torch.float64)
    none = (zeros,) * update.optimiser.n_moments
    later = State(drawn(), none)
    for _ in range(BEFORE):
        later = update(later, drawn(), RATE)
    for count in sorted({start.steps, start.steps + 1, start.steps + steps - 1}):
        state = State(drawn(), later.moments if count else none, count)
        own = (drawn(), *(drawn() if count else zeros for _ in none), zeros)
        for way in (own, (zeros, *(zeros for _ in none), drawn())):
            _require_same(update, state, drawn(), torch.stack(way))


def _require_same(update: Update, state: State, gradient: Tensor, way: Tensor) -> None:
    """Along `way`, rows for lam, each moment and the gradient."""
    found = torch.cat(update.push(state, gradient, RATE, tuple(way[:, None])))
    at = torch.stack((state.lam, *state.moments, gradient))
    far, near = (_after(update, at + sign * NEAR * way, state.steps) for sign in (1, -1))
    rounding = torch.finfo(far.dtype).eps / NEAR * float(far.norm())
    want = (far - near) / (2 * NEAR)
    if not float((found - want).norm()) <= OFF * float(want.norm()) + rounding:
        raise InvalidRecipe(
            f"torch's derivative of a step of {_name(update)} is not how the step changes (after "
            f"{state.steps} steps): leave no_grad, detach, .data, numpy and random draws out of it, and "
            "write nothing in place"
        )
    if update.needs_gradient:
        return
    blind = torch.cat(update.push(state, torch.zeros_like(gradient), RATE, tuple(way[:, None])))
    if not float((found - blind).norm()) <= OFF * float(found.norm()) + rounding:
        raise InvalidRecipe(
            f"{_name(update)} has needs_gradient = False, but how its step changes hangs on the gradient: "
            "make it True"
        )


def _after(update: Update, at: Tensor, count: int) -> Tensor:
    """What a step makes of `at`: the next lam and moments."""
    state = update(State(at[0], tuple(at[1:-1]), count), at[-1], RATE)
    return torch.stack((state.lam, *state.moments)).detach()


def _require_shapes(update: Update, lam: Tensor) -> None:
    """`InvalidRecipe` where a first step of numbers like `lam` does not return what it was given."""
    own, n = update.optimiser, update.optimiser.n_moments
    moments = (torch.zeros_like(lam),) * n
    try:
        found: Any = own.step(lam.clone(), moments, torch.ones_like(lam), RATE, 0)
    except MetainflError:
        raise
    except Exception as error:  # it is the user's code, and may raise anything
        raise InvalidRecipe(
            f"a step of {_name(update)} raised {type(error).__name__} ({error}); it is a function step(lam, "
            "moments, gradient, rate, count) that returns the next lam and moments"
        ) from error
    pair = isinstance(found, (tuple, list)) and len(found) == 2
    rows = [found[0], *found[1]] if pair and isinstance(found[1], (tuple, list)) else [found]
    got = [f"{tuple(r.shape)} in {r.dtype}" if isinstance(r, Tensor) else said(r) for r in rows]
    if not pair or got != [f"({len(lam)},) in {lam.dtype}"] * (1 + n):
        raise InvalidRecipe(
            f"a step of {_name(update)} returns (lam, moments), each ({len(lam)},) in {lam.dtype} here, and "
            f"as many moments, in a tuple, as its n_moments says, {n}; got {', '.join(got)}"
        )


def _name(update: Update) -> str:
    return type(update.optimiser).__name__
