"""Where a method's error comes from: six parts that add up to the whole, by switching one at a time.

    0  exact removal                                     the truth of T2: -(shift)
    1  exact derivative at lam*           first-orderness         1 - 0
    2  the same formula at lam            not at the optimum      2 - 1
    3  with the method's d theta/d lam    adaptation derivative   3 - 2
    4  with its curvature                 curvature               4 - 3
    5  with its solver                    solver                  5 - 4
    6  in its precision                   arithmetic              6 - 5
The parts are differences of consecutive estimates, so their sum is the total error 6 - 0 as vectors.
A share is the part's projection on the total error, as a share of its squared length: shares add up
to 1 and may be negative, where one error undoes another. Other orders of switching share differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from metainfl.curvature import SymmetricOperator
from metainfl.derive.problem import Problem
from metainfl.influence.implicit import Influence, influence
from metainfl.ledger.parts import CURVATURES, DERIVATIVES, SOLVERS
from metainfl.oracle.case import Case
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray
PARTS = (
    "first-orderness",
    "not at the optimum",
    "adaptation derivative",
    "curvature",
    "solver",
    "arithmetic",
)


def estimate(
    problem: Problem,
    pis: Sequence[Perturbation],
    derivative: str = "exact",
    curvature: str = "exact",
    solver: str = "dense",
) -> Array:
    """Influence with these parts at problem.lam, stationary or not (n, p)."""
    return solved(problem, pis, derivative, curvature, solver).value.double().cpu().numpy()


def solved(
    problem: Problem, pis: Sequence[Perturbation], derivative: str, curvature: str, solver: str
) -> Influence:
    """The same with the solve behind it."""
    change = DERIVATIVES[derivative]
    other = (
        problem
        if change is None
        else problem.replaced(adaptation=change(problem.adaptation), symmetry=None)
    )
    chosen = CURVATURES[curvature]

    def matrix(_: Problem) -> SymmetricOperator:
        return chosen(other)

    found = SOLVERS[solver](other)
    return influence(
        problem,
        pis,
        curvature=matrix,
        solver=found,
        right_hand_side=other,
        allow_nonstationary=True,
    )


def chain(
    case: Case,
    pis: Sequence[Perturbation],
    removed: Array,
    *,
    derivative: str,
    curvature: str,
    solver: str,
    lam: Array | None = None,
    dtype: torch.dtype = torch.float64,
) -> list[Array]:
    """The seven estimates (n, p), from the truth to the method. `removed` is estimate 0."""
    at, asked = None if lam is None else tuple(lam), tuple(pis)
    last = _estimate(case, asked, at, derivative, curvature, solver)
    if dtype != torch.float64:
        low = case.problem(dtype)
        if lam is not None:
            low.lam = torch.tensor(lam)
        lower = estimate(low, pis, derivative, curvature, solver)
    return [
        removed,
        case.truth("derivative", pis),
        _estimate(case, asked, at),
        _estimate(case, asked, at, derivative),
        _estimate(case, asked, at, derivative, curvature),
        last,
        last if dtype == torch.float64 else lower,
    ]


@lru_cache(maxsize=64)
def _estimate(
    case: Case,
    pis: tuple[Perturbation, ...],
    lam: tuple[float, ...] | None,
    derivative: str = "exact",
    curvature: str = "exact",
    solver: str = "dense",
) -> Array:
    """`estimate` in double precision; neighbouring cells of the ledger share most of their chain."""
    problem = case.problem()
    if lam is not None:
        problem.lam = torch.tensor(lam)
    return estimate(problem, pis, derivative, curvature, solver)


def split(estimates: list[Array]) -> dict[str, float]:
    """Norm and share of each part, relative to the truth (estimate 0)."""
    total = estimates[-1] - estimates[0]
    scale, length = float(np.linalg.norm(estimates[0])), float(np.sum(total**2))
    out = {"total": float(np.linalg.norm(total)) / scale}
    for name, a, b in zip(PARTS, estimates, estimates[1:], strict=False):
        out[f"size: {name}"] = float(np.linalg.norm(b - a)) / scale
        out[f"share: {name}"] = float(np.sum((b - a) * total)) / length if length else 0.0
    return out
