"""LiSSA-IF (Agarwal et al. 2017, Koh and Liang 2017; 003, section 5.1.1): stochastic Neumann series.

    -x,   x the mean over repeats of x_J,  x_j = x_{j-1} + c (d(grad F)/d pi - A_j x_{j-1})
with scale c and depth J from the spectrum (`metainfl.solve.lissa_choice`). Estimand: d lam*/d pi; with all
tasks in every batch the bias is at most `rtol` and there is no noise. Sign, scale: those of d lam*/d pi.
Cost: depth x repeats products with the Hessian of `batch` tasks a right-hand side.
"""

from __future__ import annotations

from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method
from metainfl.solve.lissa_choice import lissa_for
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult


class ChosenLiSSA:
    """The solver that looks at the spectrum of what it is given, then runs LiSSA."""

    def __init__(self, batch: int, rtol: float, repeats: int, seed: int) -> None:
        if batch < 1:
            raise InvalidOption(f"a batch has at least one task, got {batch}")
        self.batch, self.rtol, self.repeats, self.seed = batch, rtol, repeats, seed

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k), whether or not noise kept it from `rtol`: the result says so."""
        solver = lissa_for(
            a,
            batch=self.batch,
            rtol=self.rtol,
            repeats=self.repeats,
            seed=self.seed,
            allow_unconverged=True,
        )
        return solver(a, b)


def lissa_if(batch: int, *, rtol: float = 1e-2, repeats: int = 4, seed: int = 0) -> Method:
    """The method with batches of that many tasks."""
    return Method(
        f"LiSSA-IF, batches of {batch}",
        "003, section 5.1.1",
        solver=ChosenLiSSA(batch, rtol, repeats, seed),
        claim=Claim(accuracy="rank"),
    )
