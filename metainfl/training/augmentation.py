"""Random augmentation of a run's inputs, drawn anew at every step, and the same in every replay.

    (support, query) of task k at step t  ->  A(support, query; draw), draw seeded by (seed, t, k) alone
What is drawn for a task does not hang on the batch, on other tasks or on weights: without a task, the others
are augmented as before, so removals and derivatives are those of one program.

    Noise    a normal number is added to every input
    Flips    each image is mirrored left to right, or not
    Shifts   each image is moved by whole pixels, zeros coming in
    Turns    all images of a task are turned by the same number of right angles
One of your own is a frozen dataclass with a `__call__` as theirs; a run of it is not saved. Derivatives in
inputs are taken with Noise alone, which leaves them where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.numbers import POSITIVE, real, whole


class Augmentation(Protocol):
    """Inputs (n_s, ...) and (n_q, ...) of one task to inputs of the same shapes."""

    def __call__(
        self, support: Tensor, query: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Both sides of one task; `draw` is a generator of the CPU."""
        ...


@dataclass(frozen=True)
class Noise:
    """Normal numbers of this standard deviation, in units of the inputs, one an input."""

    deviation: float

    def __post_init__(self) -> None:
        found = real(self.deviation, "deviation", POSITIVE, InvalidRecipe)
        object.__setattr__(self, "deviation", found)

    def __call__(
        self, support: Tensor, query: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Support first, then query."""

        def noisy(x: Tensor) -> Tensor:
            return x + self.deviation * torch.randn(
                x.shape, generator=draw, dtype=torch.float64, device="cpu"
            ).to(x)

        return noisy(support), noisy(query)


@dataclass(frozen=True)
class Flips:
    """Images (n, ..., w) mirrored with probability 1/2, each by itself."""

    def __call__(
        self, support: Tensor, query: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Support first, then query."""

        def flipped(x: Tensor) -> Tensor:
            coins = torch.rand(len(x), generator=draw, device="cpu") < 0.5
            mirrored = coins.to(x.device).reshape(-1, *[1] * (x.ndim - 1))
            return torch.where(mirrored, x.flip(-1), x)

        _images(query, self)
        return flipped(support), flipped(query)


@dataclass(frozen=True)
class Shifts:
    """Images (n, ..., h, w) moved by up to `pixels` in both directions, each by itself."""

    pixels: int

    def __post_init__(self) -> None:
        found = whole(self.pixels, "pixels", 1, error=InvalidRecipe)
        object.__setattr__(self, "pixels", found)

    def __call__(
        self, support: Tensor, query: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Support first, then query."""
        _images(query, self)
        return self._moved(support, draw), self._moved(query, draw)

    def _moved(self, x: Tensor, draw: torch.Generator) -> Tensor:
        m, (h, w) = self.pixels, x.shape[-2:]
        wide = torch.nn.functional.pad(x, (m, m, m, m))
        corners = torch.randint(2 * m + 1, (len(x), 2), generator=draw, device="cpu").to(x.device)
        windows = wide.unfold(-2, h, 1).unfold(-2, w, 1).movedim((-4, -3), (1, 2))  # a view
        return windows[torch.arange(len(x), device=x.device), corners[:, 0], corners[:, 1]]


@dataclass(frozen=True)
class Turns:
    """Square images (n, ..., s, s) of a task turned by 0, 90, 180 or 270 degrees, all alike."""

    def __call__(
        self, support: Tensor, query: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The same turn on both sides: the classes stay what they are."""
        _images(query, self)
        if query.shape[-1] != query.shape[-2]:
            raise InvalidRecipe(
                f"Turns() takes square images, got {tuple(query.shape[1:])}: pad them, or take Flips()"
            )
        quarter = int(torch.randint(4, (), generator=draw, device="cpu"))
        return support.rot90(quarter, (-2, -1)), query.rot90(quarter, (-2, -1))


def _images(x: Tensor, augmentation: object) -> None:
    if x.ndim < 3:
        raise InvalidRecipe(
            f"{type(augmentation).__name__} takes images (n, ..., h, w), and the inputs of a task are "
            f"{tuple(x.shape)}: give images to the network, or take Noise(deviation)"
        )


KNOWN = {c.__name__: c for c in (Noise, Flips, Shifts, Turns)}
