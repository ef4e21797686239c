"""d theta_t/d pi = (d theta_t/d lam) d lam*/d pi: influence on the adapted parameters (002, eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.estimands.estimand import Array, Estimand, Known
from metainfl_reference.perturbation import Perturbation


class Adapted(Estimand):
    """Theta of the target tasks, one after another: (n, targets, q)."""

    name = "adapted"
    words = "d theta_t/d weight, the adapted parameters of target tasks"
    per_target = True

    def truth(self, known: Known, pis: Sequence[Perturbation]) -> Array:
        """(n, targets, q)."""
        moved = self.project(known, known.family.influence(pis, known.solution).value)
        assert moved is not None
        return moved

    def shape(self, known: Known, n: int) -> tuple[int, ...]:
        """(n, targets, q)."""
        return (n, *self._jacobians(known).shape[:2])

    def defined(self, known: Known, p: Perturbation) -> bool:
        """Where something is adapted."""
        return self._jacobians(known).shape[1] > 0

    def project(self, known: Known, influences: Array) -> Array | None:
        """Each target's d theta/d lam applied."""
        return np.einsum("tqp,np->ntq", self._jacobians(known), influences)

    @staticmethod
    def _jacobians(known: Known) -> Array:
        """d theta_t/d lam (targets, q, p)."""
        lam = known.solution.lam
        return np.stack([known.family.local(t, lam).jacobian for t in known.targets])


ESTIMAND = Adapted()
