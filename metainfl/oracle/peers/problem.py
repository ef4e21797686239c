"""Softmax regression on real digits: the problem that every library can be asked about.

    mean loss       (1/n) sum_i CE(W x_i, y_i) + (d/2) |W|^2,        W (ways, features)
    truth           d L_t/d w_i of the sum form, F = sum_i w_i CE_i + (n d/2) |W|^2: (n, tests)
The two forms have the same minimiser; a score of the mean form is n times one of the sum form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from metainfl.data.digits import principal_pixels
from metainfl.oracle.case import Case
from metainfl.problem.perturbation import Perturbation, query
from metainfl_reference.episodes import Episodes
from metainfl_reference.families import FAMILIES
from metainfl_reference.local import TaskData

Array = np.ndarray


@dataclass(frozen=True)
class PeerProblem:
    """n training and m test images with `components` features, ten ways, L2 of d on the mean loss."""

    n: int = 200
    m: int = 20
    components: int = 16
    d: float = 1e-2
    seed: int = 0

    @cached_property
    def data(self) -> tuple[Array, Array, Array, Array]:
        """Training x (n, p), labels (n,), test x (m, p), labels (m,)."""
        x, y = principal_pixels(self.components)
        order = np.random.default_rng(self.seed).permutation(len(x))[: self.n + self.m]
        a, b = order[: self.n], order[self.n :]
        return x[a], y[a], x[b], y[b]

    @cached_property
    def case(self) -> Case:
        """The reference: one task whose query instances are the training images."""
        x, y, _, _ = self.data
        none = np.zeros((1, 0, self.components))
        e = Episodes(none, np.zeros((1, 0, 10)), x[None], np.eye(10)[y][None])
        family = FAMILIES["single_softmax"](e, d_out=self.n * self.d)
        return Case(
            f"softmax on {self.n} digits", family, "metainfl.oracle.peers.problem.PeerProblem()"
        )

    @cached_property
    def perturbations(self) -> list[Perturbation]:
        """Every training image."""
        return [query(0, j) for j in range(self.n)]

    @cached_property
    def test_gradients(self) -> Array:
        """dL_t/dlam (p, m)."""
        _, _, x, y = self.data
        f, lam = self.case.family, self.case.solution.lam
        none, empty = np.zeros((0, self.components)), np.zeros((0, 10))
        rows = [
            f.target_gradient(
                TaskData(none, empty, x[j : j + 1], np.eye(10)[y[j]][None], np.ones(0), np.ones(1)),
                lam,
            )
            for j in range(self.m)
        ]
        return np.stack(rows, axis=1)

    @cached_property
    def truth(self) -> Array:
        """d L_t/d w_i (n, m)."""
        return self.case.truth("derivative", self.perturbations) @ self.test_gradients

    def tensors(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The data as torch tensors."""
        x, y, tx, ty = self.data
        return (
            torch.tensor(x, dtype=dtype),
            torch.tensor(y),
            torch.tensor(tx, dtype=dtype),
            torch.tensor(ty),
        )

    def model(self, dtype: torch.dtype = torch.float64) -> nn.Sequential:
        """The trained model, as a module with one linear layer and no bias."""
        layer = nn.Linear(self.components, 10, bias=False).to(dtype)
        lam = torch.tensor(self.case.solution.lam).reshape(self.components, 10)
        layer.weight.data = lam.T.contiguous().to(dtype)
        return nn.Sequential(layer)
