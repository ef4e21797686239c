"""LiSSA (Agarwal et al. 2017; 003, section 5.1.1): Neumann's recursion with the Hessian of a few tasks.

    x_j = x_{j-1} + c (b - A_j x_{j-1}),  A_j from `batch` tasks drawn without replacement, unbiased
repeated and averaged. With all tasks in every batch it is the Neumann series. Its error has a bias
that falls with the depth and a noise that the average over repeats lowers; `error` estimates the
noise from the spread of the repeats.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from metainfl.errors import Interrupted, NotConverged
from metainfl.solve import given
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual


class LiSSA(Factoring):
    """Needs a curvature that can be sampled (`exact`). `scale` must be below 2 / its largest eigenvalue.

    Falls short of `rtol` as a rule: that raises `NotConverged` unless `allow_unconverged`. Ctrl-C
    raises `Interrupted` with the mean of the finished repeats.
    """

    batch: int
    depth: int
    scale: float
    repeats: int
    seed: int
    rtol: float
    allow_unconverged: bool
    options: ClassVar = {
        "batch": lambda v: given.count(v, "batch", 1),
        "depth": lambda v: given.count(v, "depth", 1),
        "scale": lambda v: given.positive(v, "scale"),
        "repeats": lambda v: given.count(v, "repeats", 1),
        "seed": given.seed,
        "rtol": lambda v: given.positive(v, "rtol"),
        "allow_unconverged": lambda v: given.yes_or_no(v, "allow_unconverged"),
    }

    def __init__(
        self,
        *,
        batch: int,
        depth: int,
        scale: float,
        repeats: int = 4,
        seed: int = 0,
        rtol: float = 1e-2,
        allow_unconverged: bool = False,
    ) -> None:
        self.batch, self.depth, self.repeats, self.scale = batch, depth, repeats, scale
        self.rtol, self.seed, self.allow_unconverged = rtol, seed, allow_unconverged

    def prepared(self, a: SymmetricOperator) -> Solve:
        """Nothing is shared between right-hand sides but A."""
        return lambda b: self._solve(a, b)

    def _solve(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        generator = torch.Generator().manual_seed(self.seed)
        runs: list[Tensor] = []
        try:
            for _ in range(self.repeats):
                runs.append(self._run(a, b, generator))
        except KeyboardInterrupt:
            done = self._result(a, b, runs) if runs else None
            raise Interrupted(f"LiSSA interrupted after {len(runs)} repeats", done) from None
        result = self._result(a, b, runs)
        if not result.converged and not self.allow_unconverged:
            raise NotConverged(
                f"LiSSA is at relative residual {result.residual:.2g} (wanted {self.rtol:.1g}) with a "
                f"noise of {result.error:.2g}; raise depth, batch or repeats, or pass "
                "allow_unconverged=True",
                result,
            )
        return result

    def _run(self, a: SymmetricOperator, b: Tensor, generator: torch.Generator) -> Tensor:
        x = self.scale * b
        for step in range(self.depth):
            x = x + self.scale * (b - a.sampled(self.batch, generator) @ x)
            if not torch.isfinite(x.square().sum()):
                raise NotConverged(
                    f"LiSSA overflowed after {step + 1} steps; lower scale ({self.scale:.3g})"
                )
        return x

    def _result(self, a: SymmetricOperator, b: Tensor, runs: list[Tensor]) -> SolveResult:
        x = torch.stack(runs).mean(0)
        noise = math.nan
        if len(runs) > 1:
            spread = torch.stack(runs).std(0).norm(dim=0) / len(runs) ** 0.5
            noise = float((spread / x.norm(dim=0).clamp(min=1e-300)).max())
        residual = relative_residual(a, x, b)
        products = a.products + len(runs) * self.depth * b.shape[1]
        return SolveResult(x, residual, noise, self.depth, products, residual <= self.rtol)
