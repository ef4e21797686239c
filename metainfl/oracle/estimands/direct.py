"""Eq. 6 of paper 001: partial derivatives in lam, adaptation ignored. For tasks only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Known, only_tasks
from metainfl_reference.estimands import direct
from metainfl_reference.perturbation import Perturbation


class Direct(Estimand):
    """A baseline that is not a derivative of lam*; zero where L_O does not read lam directly."""

    name = "direct"
    words = "eq. 6 of paper 001: partial derivatives, adaptation ignored"
    kinds = ("task", "group")

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, p)."""
        return direct.influence(known.family, pis, known.solution).value

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Tasks and groups of tasks; where the direct Hessian may be singular, none."""
        f = known.family
        read = f.direct > 0 or f.name.startswith("single")
        return only_tasks(p) and (read or bool(np.all(f.d_out)))

    def predicted_removal(self, known: Known, answer: Array) -> Array | None:
        """As if it were the derivative."""
        return -answer


ESTIMAND = Direct()
