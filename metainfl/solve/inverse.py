"""Factor once, apply often: an inverse is an operator too."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from metainfl.checked import Checked
from metainfl.errors import Interrupted, InvalidOption, NotConverged
from metainfl.solve.finite import finite_columns
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult

#: right-hand sides (p, k), finite and off the flat directions, to their solution
Solve = Callable[[Tensor], SolveResult]


class Inverse(SymmetricOperator):
    """A^{-1} off A's flat directions, made by a solver: `inverse @ b`, or `solve(b)` with how well."""

    def __init__(self, of: SymmetricOperator, solve: Solve) -> None:
        self.of, self._solve = of, solve
        super().__init__(of.size, self._solution, of.like, flat=of.flat)

    def solve(self, b: Tensor) -> SolveResult:
        """X (p, k) for B (p, k). Raises `NotFinite` for a right-hand side with NaN or inf."""
        if b.ndim != 2 or len(b) != self.size:
            raise InvalidOption(
                f"right-hand sides stand in columns ({self.size}, k), got shape {tuple(b.shape)}"
            )
        finite_columns(b, "right-hand side", "look at the gradient that it is")
        result = _scaled(self._solve, self.off(b))
        finite_columns(result.solution, "solution", "scale the problem, or compute in float64")
        return result

    def _solution(self, b: Tensor) -> Tensor:
        return self.solve(b.reshape(self.size, -1)).solution.reshape(b.shape)


class Factoring(Checked, ABC):
    """A solver: `factor(a)` is A's inverse, and `solver(a, b)` applies it once."""

    def factor(self, a: SymmetricOperator) -> Inverse:
        """The inverse of A off its flat directions. Iterative solvers hold A and what bounds it."""
        inside = a.restricted()
        if inside.rank == 0:
            return Inverse(a, _nothing)
        return Inverse(a, self.prepared(inside))

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k) with A X ~ B off A's flat directions."""
        return self.factor(a).solve(b)

    @abstractmethod
    def prepared(self, a: SymmetricOperator) -> Solve:
        """What `factor` shares between right-hand sides; `a` is restricted to what is not flat."""


def _nothing(b: Tensor) -> SolveResult:
    """Every direction is flat."""
    return SolveResult(torch.zeros_like(b), 0.0, 0.0, 0, 0, True)


def _scaled(solve: Solve, b: Tensor) -> SolveResult:
    """`solve` at columns of largest entry near 1, by powers of 2: their squares neither over- nor underflow.

    Scaling is exact, so nothing else changes. Without columns there is nothing to solve.
    """
    if b.shape[1] == 0:
        return _nothing(b)
    most = math.frexp(torch.finfo(b.dtype).max)[1] - 4
    power = torch.frexp(b.abs().amax(0))[1].clamp(-most, most)

    def back(result: SolveResult) -> SolveResult:
        return replace(result, solution=_shifted(result.solution, power))

    try:
        return back(solve(_shifted(b, -power)))
    except (NotConverged, Interrupted) as short:
        if isinstance(short.result, SolveResult):
            short.result = back(short.result)
        raise


def _shifted(x: Tensor, power: Tensor) -> Tensor:
    """x (p, k) with its columns times 2^power (k,); torch's ldexp made the powers in float32 before 2.5."""
    return x * x.new_tensor([math.ldexp(1.0, k) for k in power.tolist()])
