"""What the truth check saw of a method: its answer beside the truth, case by case and kind by kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metainfl.oracle.case import Case
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray


@dataclass(frozen=True)
class Evidence:
    """One kind of perturbation on one case; rows `got` and `want` on the scale of the estimand.

    `first`: given when the method was called for the first time.
    """

    case: Case
    kind: str
    pis: tuple[Perturbation, ...]
    got: Array
    want: Array
    wrong: bool
    rounding: float
    first: bool = False

    @property
    def off(self) -> float:
        """|got - want| / |want|."""
        size = float(np.linalg.norm(self.want))
        return float(np.linalg.norm(self.got - self.want)) / size if size else np.inf

    @property
    def match(self) -> float:
        """How near an explanation must come: rounding, or a thousandth of the error, never above 1e-6."""
        return min(1e-6, max(1e-3 * self.off, 20 * self.rounding))

    def equals(self, rows: Array) -> bool:
        """The answer is these rows."""
        if rows.shape != self.got.shape or not np.isfinite(rows).all():
            return False
        size = float(np.linalg.norm(rows))
        if self.wrong and 2 * np.linalg.norm(rows - self.want) <= np.linalg.norm(
            self.got - self.want
        ):
            return False  # nearer to the truth than to the answer
        return size > 0 and float(np.linalg.norm(self.got - rows)) <= self.match * size
