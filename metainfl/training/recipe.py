"""Recipes: everything that makes a training run a deterministic program, as a value.

A recipe and a start give the same run each time. JSON in and out; rates given as a function become the
list of their values, so what is written down is what was done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import torch

from metainfl.errors import InvalidRecipe
from metainfl.numbers import POSITIVE, among, seed
from metainfl.plain import as_json, from_json
from metainfl.training import augmentation, given
from metainfl.training.augmentation import Augmentation
from metainfl.training.known import KNOWN, read, written
from metainfl.training.optimisers import SGD, Optimiser

Rates = float | Sequence[float] | Callable[[int], float]
PLAIN = SGD()
MOST = 10**9
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train, for `steps` steps.

    rate        a number, one a step, or a function of the step (0, 1, ...)
    batch_size  tasks a step, drawn without replacement epoch by epoch from `seed`; the last batch of an
                epoch may be smaller. None: all tasks at every step
    batches     the tasks of every step, instead of the two
    reduction   "mean" divides a batch's loss by its number of tasks (not by their weights), "sum" does not
    clip        the largest norm of a gradient; the optimiser's weight decay comes after it
    augmentation   what is drawn anew of the inputs at every step, and alike in replays: Noise, Flips, ...
    begins      the number of the first step, for what is drawn; a phase of a run goes on counting
    dtype, device  where to compute; None: where the tasks are
    """

    optimiser: Optimiser = PLAIN
    rate: Rates
    steps: int | None = None
    batch_size: int | None = None
    batches: Sequence[Sequence[int]] | None = None
    seed: int = 0
    reduction: Literal["mean", "sum"] = "mean"
    clip: float | None = None
    augmentation: Augmentation | None = None
    begins: int = 0
    dtype: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        given.optimiser(self.optimiser)
        if self.batches is not None:
            if self.batch_size is not None:
                raise InvalidRecipe("give batch_size (drawn by seed) or batches, not both")
            put(self, "batches", given.batches(self.batches))
            put(self, "steps", len(self.batches) if self.steps is None else self.steps)
            if self.steps != len(self.batches):
                raise InvalidRecipe(f"{self.steps} steps, but {len(self.batches)} batches")
            if not all(self.batches):
                raise InvalidRecipe(f"the batch of step {self.batches.index(())} is empty")
        put(self, "steps", given.whole(self.steps, "steps", 1))
        assert self.steps is not None
        if self.steps > MOST:
            raise InvalidRecipe(
                f"steps: a rate is kept of each, of {MOST:.0e} at most; got {self.steps:.0e}"
            )
        put(self, "seed", seed(self.seed, InvalidRecipe))
        if self.batch_size is not None:
            put(self, "batch_size", given.whole(self.batch_size, "batch_size", 1))
        put(self, "rate", given.rates(self.rate, self.steps))
        if isinstance(self.rate, tuple) and len(self.rate) != self.steps:
            raise InvalidRecipe(f"{self.steps} steps, but {len(self.rate)} rates")
        bad = [t for t, r in enumerate(self.rates()) if not math.isfinite(r)]
        if bad:
            raise InvalidRecipe(f"the rate of step {bad[0]} is {self.rates()[bad[0]]}")
        if not among(self.reduction, ("mean", "sum")):
            raise InvalidRecipe(f"reduction is 'mean' or 'sum', got {self.reduction!r}")
        if self.clip is not None:
            wish = "a number above 0, or None for no clipping", POSITIVE[1]
            put(self, "clip", given.number(self.clip, "clip", wish))
        if self.augmentation is not None:
            given.augmentation(self.augmentation)
        put(self, "begins", given.whole(self.begins, "begins", 0))
        if self.dtype is not None and not among(self.dtype, DTYPES):
            raise InvalidRecipe(f"dtype is one of {sorted(DTYPES)}, got {self.dtype!r}")
        if self.device is not None:
            put(self, "device", given.device(self.device))

    def rates(self) -> tuple[float, ...]:
        """One a step."""
        assert self.steps is not None
        if isinstance(self.rate, tuple):
            return self.rate
        assert isinstance(self.rate, (int, float))
        return (float(self.rate),) * self.steps

    def batches_of(self, n_tasks: int) -> tuple[tuple[int, ...], ...]:
        """The tasks of every step, for a problem of `n_tasks`."""
        assert self.steps is not None
        if self.batches is not None:
            out = tuple(tuple(b) for b in self.batches)
            for t, b in enumerate(out):
                if not all(0 <= k < n_tasks for k in b):
                    raise InvalidRecipe(
                        f"step {t} names tasks {b}; they run from 0 to {n_tasks - 1}"
                    )
            return out
        if self.batch_size is None:
            return (tuple(range(n_tasks)),) * self.steps
        draw = torch.Generator().manual_seed(self.seed)
        drawn: list[tuple[int, ...]] = []
        while len(drawn) < self.steps:
            order = torch.randperm(n_tasks, generator=draw, device="cpu").tolist()
            size = self.batch_size
            drawn += [tuple(order[a : a + size]) for a in range(0, n_tasks, size)]
        return tuple(drawn[: self.steps])

    def from_step(self, first: int, n_tasks: int, last: int | None = None) -> Recipe:
        """The same steps without the first few, and before `last`; batches written out."""
        rest: dict[str, Any] = {
            "batches": self.batches_of(n_tasks)[first:last],
            "rate": self.rates()[first:last],
        }
        if self.augmentation is not None:
            rest["begins"] = self.begins + first
        return replace(self, steps=None, batch_size=None, **rest)

    def to_json(self) -> str:
        """Text that `from_json` reads back to an equal recipe."""
        name = type(self.optimiser).__name__
        if KNOWN.get(name) is not type(self.optimiser):
            raise InvalidRecipe(
                f"optimiser {name} is your own and cannot be written as JSON; known: {sorted(KNOWN)}"
            )
        own: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        own["optimiser"] = written(self.optimiser)
        if self.augmentation is not None:
            name = type(self.augmentation).__name__
            if augmentation.KNOWN.get(name) is not type(self.augmentation):
                raise InvalidRecipe(
                    f"augmentation {name} is your own and cannot be written as JSON; known: "
                    f"{sorted(augmentation.KNOWN)}"
                )
            own["augmentation"] = {"name": name, **asdict(self.augmentation)}
        return as_json(own)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """What `to_json` wrote."""
        try:
            own = from_json(text)
            made = read(own.pop("optimiser"))
            drawn = own.pop("augmentation", None)
            if drawn is not None:
                drawn = augmentation.KNOWN[drawn.pop("name")](**drawn)
            return cls(optimiser=made, augmentation=drawn, **own)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRecipe(f"this is not a recipe: {error!r}") from error
