"""Stored influences in few numbers a datum, where asked: scores with the error that this costs.

A network of 121,093 parameters and 10,000 tasks are 9.7 GB of influences in double precision; at 4,096
random signs and float32 they are 164 MB. The score of a target is the dot product of what both are
compressed to, and its deviation is known without the influences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, NotFinite
from metainfl.influence.explained import slopes_of
from metainfl.influence.sketch import sketched
from metainfl.numbers import whole
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks

KEPT = (torch.float32, torch.float64)


class CompressedScores(NamedTuple):
    """Value (n, m): d L_t/d pi; deviation (n, m): its standard deviation over seeds of the compression."""

    value: Tensor
    deviation: Tensor


@dataclass(frozen=True, eq=False)
class Compressed:
    """Rows (n, k), the lengths (n,) of the influences, their perturbations, lam (p,), and the seed.

    Made by `Stored.compressed`; `metainfl.save` and `metainfl.load` keep it.
    """

    rows: Tensor
    lengths: Tensor
    perturbations: Sequence[Perturbation]
    lam: Tensor
    seed: int

    def __post_init__(self) -> None:
        for name in ("rows", "lengths", "lam"):
            if not torch.isfinite(getattr(self, name)).all():
                raise NotFinite(
                    f"the {name} of compressed influences are not finite: {self.rows.dtype} holds none of "
                    "their size, or the file is damaged; keep them in float64, or compress them again",
                    quantity="influence",
                )

    def scores(self, problem: Problem, targets: Tasks) -> CompressedScores:
        """Those of `Stored.scores` (same sign and scale, same errors), each with its deviation.

        The deviation is sqrt((|v|^2 |g|^2 + value^2) / k), v the influence and g the target's slope:
        differences between data that are smaller say nothing; more signs, or `Stored` itself, tell them.
        """
        slopes = slopes_of(problem, targets, self.lam)
        size = self.rows.shape[1]
        value = self.rows.to(slopes) @ sketched(slopes, size, self.seed).T
        lengths = self.lengths.to(slopes)[:, None] * slopes.norm(dim=1)
        return CompressedScores(value, torch.hypot(lengths, value) / size**0.5)


def compressed(
    value: Tensor,
    perturbations: Sequence[Perturbation],
    lam: Tensor,
    size: int,
    seed: int,
    dtype: torch.dtype,
) -> Compressed:
    """`value` (n, p) in `size` numbers a row."""
    size = whole(size, "size", 1, error=InvalidOption)
    seed = whole(seed, "seed", 0, 2**63 - 1, InvalidOption)
    if not isinstance(dtype, torch.dtype) or dtype not in KEPT:
        raise InvalidOption(f"dtype is torch.float32 or torch.float64, got {dtype!r}")
    if size >= value.shape[1]:
        raise InvalidOption(
            f"{size} numbers a datum are no fewer than its {value.shape[1]} influences: keep those "
            "(metainfl.Stored, in float32 where that is enough)"
        )
    rows = sketched(value, size, seed).to(dtype)
    return Compressed(rows, value.norm(dim=1), tuple(perturbations), lam, seed)
