"""How 002 treats the Hessian of a trained network before it is inverted, and the scores that follow.

    score[k, t] = g_k . C g_t,   g = D L, C one of
exact          H^-1, negative eigenvalues and all (section 5.1)
pruned, all    H with its negative eigenvalues set to zero (Table 1, second row)
pruned, n      the n largest eigenvalues, the rest zero (eq. 12)
Gauss-Newton   the n largest eigenvalues of the Gauss-Newton matrix (eq. 11; a buffer of n columns)
damped         (H + d)^-1, d as the end of a run needs: not in the paper
dot product    C = 1: not in the paper
Positive = the training task helped the test task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from metainfl.curvature.gauss_newton import factors, outer
from metainfl.experiments.networks import damping
from metainfl.problem.tasks import Tasks
from metainfl.training import Run, objective

KEPT = (256, 64, 16)


@dataclass(frozen=True)
class Treatments:
    """Of one trained network; the scores of its training tasks on others."""

    run: Run
    kept: tuple[int, ...] = KEPT

    @cached_property
    def trained(self) -> Tensor:
        """D L_k at the end of the run (T, p)."""
        end = self.run.problem()
        return end.task_gradients(end.lam)

    @cached_property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues of H, ascending, and eigenvectors."""
        end = objective(self.run)
        found = torch.linalg.eigh(end.hessian(end.lam))
        return found.eigenvalues, found.eigenvectors

    @cached_property
    def gauss_newton(self) -> tuple[Tensor, Tensor]:
        """The same of the Gauss-Newton matrix."""
        end = objective(self.run)
        dense = outer(factors(end)) + end.outer_reg * torch.eye(end.n_meta).to(end.lam)
        found = torch.linalg.eigh(dense)
        return found.eigenvalues, found.eigenvectors

    @property
    def negative(self) -> int:
        """Negative eigenvalues of H."""
        return int((self.spectrum[0] < 0).sum())

    def inverses(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Name -> what stands for H^-1, applied to columns."""
        d = damping(self.run)
        out: dict[str, Callable[[Tensor], Tensor]] = {
            "exact": lambda b: filtered(self.spectrum, b, lambda v: 1 / v),
            "pruned, all": lambda b: filtered(self.spectrum, b, _positive),
        }
        for n in self.kept:
            out[f"pruned, {n}"] = lambda b, n=n: filtered(self.spectrum, b, largest(n))  # type: ignore[misc]
        for n in self.kept:
            out[f"Gauss-Newton, {n}"] = lambda b, n=n: filtered(self.gauss_newton, b, largest(n))  # type: ignore[misc]
        out["damped"] = lambda b: filtered(self.spectrum, b, lambda v: 1 / (v + d))
        out["dot product"] = lambda b: b
        return out

    def scores(self, tests: Tasks) -> dict[str, Tensor]:
        """Name -> scores (T, m) of the training tasks on the test tasks."""
        end = self.run.problem()
        slopes = end.task_gradients(end.lam, tests).T
        return {n: self.trained @ f(slopes) for n, f in self.inverses().items()}


def filtered(
    spectrum: tuple[Tensor, Tensor], b: Tensor, response: Callable[[Tensor], Tensor]
) -> Tensor:
    """Columns b (p, m) by a matrix whose eigenvalues go through `response`."""
    values, vectors = spectrum
    return vectors @ (response(values)[:, None] * (vectors.T @ b))


def _positive(v: Tensor) -> Tensor:
    floor = 1e-9 * v[-1]  # below it a positive eigenvalue is rounding
    return torch.where(v > floor, 1 / v.clamp_min(float(floor)), 0 * v)


def largest(n: int) -> Callable[[Tensor], Tensor]:
    """Inverses of the n largest eigenvalues, ascending; 0 for the rest."""

    def response(v: Tensor) -> Tensor:
        out = _positive(v)
        out[: max(0, len(v) - n)] = 0
        return out

    return response
