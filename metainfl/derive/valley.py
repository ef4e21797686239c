"""The floor of a valley: directions of little curvature, along which rounding hides where the minimum is.

Where F slopes along them by no more than a good gradient is accurate, a Newton step is taken all the same
from each place where the rest is at rest, as long as these steps halve and F does not grow: rounding may be
far below what is tolerated. The step that would come next is how well lam is known, `Minimisation.blur`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.derive.minimise import Minimisation

REACHED = "a local minimum, to rounding"
FAR = 0.1  # of 1 + |lam|: what a quadratic model is trusted for


@dataclass(eq=False)
class Valley:
    """Where the floor was reached last, with F and the blur there."""

    lam: Tensor | None = None
    value: float = float("inf")
    blur: float = float("inf")

    def goes_on(self, run: Minimisation, along: Tensor, value: float) -> bool:
        """Whether `run.lam` was moved by `along` (p,); if not it is where the blur is least."""
        eps = torch.finfo(along.dtype).eps
        blur = float(along.norm() / (1 + run.lam.norm()))
        if self.lam is not None and (
            blur >= self.blur or value > self.value + 16 * eps * abs(self.value)
        ):
            self.back(run)
            return False
        halved = blur <= self.blur / 2
        self.lam, self.value, self.blur, run.blur = run.lam, value, blur, blur
        if not halved or not 4 * eps < blur <= FAR:
            return False
        run.lam = run.lam + along
        return True

    def back(self, run: Minimisation) -> None:
        """To where the floor was reached last, which is a minimum whatever came after; if it was."""
        if self.lam is not None:
            run.lam, run.value, run.blur = self.lam, self.value, self.blur
            run.reason, run.converged = REACHED, True

    def forget(self) -> None:
        """What was reached is no minimum, or lies behind a saddle that was left."""
        self.lam, self.value, self.blur = None, float("inf"), float("inf")
