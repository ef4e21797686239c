"""The loss of one batch at one lam: its gradient, Hessian, and derivatives in the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.perturbation import Perturbation, group, parts
from metainfl_reference.wide import like

Array = np.ndarray


class Batch:
    """(1/|B|) sum_{i in B} w_i L_i(lam; u_i, v_i) + (d_out/2) |lam|^2; no 1/|B| with `mean` off."""

    def __init__(
        self, family: Family, batch: Sequence[int], w: Weights, lam: Array, *, mean: bool = True
    ) -> None:
        self.family, self.w, self.lam = family, w, lam
        n, counts = family.episodes.n_tasks, Counter(batch)
        wrong = [i for i in counts if not 0 <= i < n]
        if wrong:
            raise InvalidProblem(f"a batch names task {wrong[0]}; there are tasks 0 to {n - 1}")
        self.share = {
            i: like(lam, float(c)) / (len(batch) if mean else 1) for i, c in counts.items()
        }
        self.tasks = {i: family.task(i, lam, w) for i in counts}

    def gradient(self) -> Array:
        """g (p,)."""
        own = (s * self.w.task[i] * self.tasks[i].gradient() for i, s in self.share.items())
        return sum(own, start=self.family.d_out * self.lam)

    def hessian(self) -> Array:
        """H_B (p, p), d_out included."""
        own = (s * self.w.task[i] * self.tasks[i].hessian() for i, s in self.share.items())
        return sum(own, start=self.family.d_out * np.eye(len(self.lam)))

    def along(self, perturbations: Sequence[Perturbation]) -> Array:
        """d g/d pi, one column each (p, n); zero where a perturbation touches no task of the batch."""
        kind = np.result_type(self.lam, self.w.task)
        out = np.zeros((len(self.lam), len(perturbations)), dtype=kind)
        for column, p in enumerate(perturbations):
            for i, share in self.share.items():
                own = [m for m in parts(p) if m.task == i]
                if own:
                    q = own[0] if len(own) == 1 else group(own)
                    out[:, column] += share * self.family.cross_derivative(q, self.lam, self.w)
        return out

    def against(self, g_bar: Array, out: Weights) -> None:
        """Add g_bar . d g/d weight to `out`, for every task, support and query weight of the batch."""
        for i, share in self.share.items():
            t, own = self.tasks[i], share * self.w.task[i]
            out.task[i] += share * (g_bar @ t.gradient())
            out.support[i] += own * (g_bar @ t.by_support())
            out.query[i] += own * (g_bar @ t.by_query())
