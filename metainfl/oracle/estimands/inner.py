"""d theta_k/du_kj at fixed lam: inner-IF of one support instance on its own task (001, Thm 4.6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation


class Inner(Estimand):
    """Adapted parameters of the instance's own task: (n, q)."""

    name = "inner"
    words = "d theta_k/d support weight at fixed lam (inner-IF)"
    kinds = ("support",)

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, q)."""
        f, s = known.family, known.solution
        each = {k: f.task(k, s.lam, s.weights).theta_by_support() for k in {p.task for p in pis}}
        return np.stack([each[p.task][:, p.instance] for p in pis])

    def shape(self, known: Known, n: int) -> tuple[int, ...]:
        """(n, q)."""
        return (n, len(known.family.task(0, known.solution.lam).theta_by_support()))

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Where something is adapted."""
        return self.shape(known, 1)[1] > 0


ESTIMAND = Inner()
