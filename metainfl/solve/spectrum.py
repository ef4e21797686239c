"""Extreme eigenvalues and leading eigenvectors by Lanczos with full reorthogonalisation.

A Krylov space that is exhausted, as one start vector's is where eigenvalues repeat, is left for a new
random direction: `steps` products always see min(steps, rank) dimensions, and the whole space where
steps allow, whatever the last digits say. The projection Q'AQ is taken whole, not only its three
diagonals, and residuals are measured, not inferred.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.errors import Interrupted, InvalidOption
from metainfl.solve.operator import SymmetricOperator


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Ritz values (ascending) and vectors (p, k), with the residual |A u - s u| of each.

    `whole` says that the vectors span all that is not flat: values are then eigenvalues to rounding.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    whole: bool

    @property
    def high(self) -> float:
        """An upper bound on the largest eigenvalue, to the residual of its Ritz pair."""
        return float(self.values[-1] + self.residuals[-1])

    @property
    def low(self) -> float:
        """An estimate of the smallest eigenvalue, from above; the eigenvalue itself once `whole`."""
        return float(self.values[0])


def lanczos(
    a: SymmetricOperator, steps: int, seed: int = 0, *, off: Tensor | None = None
) -> Spectrum:
    """At most `steps` products with A off its flat directions. Deterministic by seed.

    With an orthonormal `off` (p, f) only what is orthogonal to it is seen: directions found before.
    """
    if steps < 1:
        raise InvalidOption(f"Lanczos needs at least one step, got {steps}")
    a = a.restricted()
    outside = [x for x in (a.flat, off) if x is not None]
    space = a.rank - (0 if off is None else off.shape[1])
    steps = min(steps, space)
    generator = torch.Generator().manual_seed(seed)
    basis, image = (a.like.new_zeros(a.size, steps) for _ in range(2))
    next_ = a.like.new_zeros(a.size)
    for k in range(steps):
        seen = [*outside, basis[:, :k]]
        basis[:, k] = _new_direction(next_, seen, generator)
        try:
            image[:, k] = a @ basis[:, k]
        except KeyboardInterrupt:
            if not k:
                raise
            part = _ritz(basis[:, :k], image[:, :k], outside, False)
            raise Interrupted(f"Lanczos interrupted after {k} steps", part) from None
        next_ = image[:, k]
    return _ritz(basis, image, outside, steps == space)


def _new_direction(w: Tensor, seen: list[Tensor], generator: torch.Generator) -> Tensor:
    """w off what was seen, of length 1; a random direction where nothing but rounding is left of w."""
    eps = torch.finfo(w.dtype).eps
    while True:
        size = w.norm()
        if size > 0:
            q = w / size
            for _ in range(2):  # twice is enough while more than rounding is left
                for s in seen:
                    q = q - s @ (s.T @ q)
            left = q.norm()
            if float(left) > len(q) ** 0.5 * eps**0.75:
                q = q / left
                for s in seen:  # what was left may be small: rounding is taken off it again
                    q = q - s @ (s.T @ q)
                return q / q.norm()
        w = torch.randn(len(w), generator=generator, dtype=torch.float64, device="cpu").to(w)


def _ritz(basis: Tensor, image: Tensor, outside: list[Tensor], whole: bool) -> Spectrum:
    """Ritz pairs of A in the span of an orthonormal `basis`, off what is `outside`."""
    for s in outside:
        image = image - s @ (s.T @ image)
    t = basis.T @ image
    values, inner = torch.linalg.eigh(0.5 * (t + t.T))
    vectors = basis @ inner
    return Spectrum(values, vectors, (image @ inner - vectors * values).norm(dim=0), whole)


def leading(a: SymmetricOperator, rank: int, steps: int) -> Spectrum:
    """The `rank` largest Ritz pairs with their multiplicity.

    A single start vector sees one copy of a repeated eigenvalue. So the search is repeated off what was
    found until nothing as large turns up; copies of the smallest pair kept are kept with it (`cut`).
    """
    inside = a.restricted()
    s = lanczos(a, steps)
    found = _top(s, cut(s.values, rank))
    seed = 0
    while not s.whole and found.vectors.shape[1] < inside.rank:
        seed += 1
        again = lanczos(a, steps, seed, off=found.vectors)
        if float(again.values[-1]) <= float(found.values[0]) - same(found.values):
            break
        both = torch.linalg.qr(torch.cat([found.vectors, again.vectors[:, -rank:]], dim=1))[0]
        s = _ritz(both, inside @ both, [], both.shape[1] == inside.rank)
        found = _top(s, cut(s.values, rank))
    return found


def _top(s: Spectrum, first: int) -> Spectrum:
    return Spectrum(s.values[first:], s.vectors[:, first:], s.residuals[first:], s.whole)


def same(values: Tensor) -> float:
    """The distance below which two eigenvalues count as one: eps^(3/4) times the largest.

    Rounding turns the eigenvectors on the two sides of a gap g by eps |A| / g: by eps^(1/4) at most at
    every cut that is made.
    """
    return float(torch.finfo(values.dtype).eps ** 0.75 * values.abs().max())


def cut(values: Tensor, keep: int) -> int:
    """First index of the `keep` largest of ascending values, moved down to where a gap is.

    A cluster is kept whole, so that the answer does not hang on the last digits.
    """
    first, slack = max(len(values) - keep, 0), same(values)
    while first > 0 and float(values[first] - values[first - 1]) <= slack:
        first -= 1
    return first
