"""The parts that the ledger switches, by the names that tables and figures show."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from metainfl.adaptation import (
    KroneckerInverse,
    NoAdaptation,
    Proximal,
    ProximalRidge,
    approximately,
    diagonal_inverse,
    exact_inverse,
)
from metainfl.curvature import (
    Curvature,
    empirical_fisher,
    exact,
    gamma,
    gauss_newton,
    identity,
    kronecker,
)
from metainfl.derive.problem import Problem
from metainfl.kronecker import Recipe
from metainfl.methods.method import Derivative, ignored
from metainfl.solve import CG, Lanczos, Neumann, PseudoInverse, Solver

DERIVATIVES: dict[str, Derivative | None] = {
    "exact": None,
    "inverse held": approximately(exact_inverse),
    "EK-FAC inner": approximately(KroneckerInverse()),
    "diagonal inner": approximately(diagonal_inverse),
    "ignored": ignored,
}
CURVATURES: dict[str, Curvature] = {
    "exact": exact,
    "Gauss-Newton": gauss_newton,
    "EK-FAC": partial(kronecker, recipe=Recipe()),
    "EK-FAC, empirical": partial(kronecker, recipe=Recipe("empirical")),
    "Gamma": gamma,
    "empirical Fisher": empirical_fisher,
    "identity": identity,
}
#: solver from (problem, p)
SOLVERS: dict[str, Callable[[Problem], Solver | None]] = {
    "dense": lambda problem: None,
    "CG, 3 steps": lambda problem: CG(max_iterations=3, allow_unconverged=True),
    "Neumann, 10 terms": lambda problem: _series(10),
    "Neumann, 100 terms": lambda problem: _series(100),
    "Lanczos, half rank": lambda problem: Lanczos(max(1, problem.n_meta // 2)),
    "pruned to a quarter": lambda problem: PseudoInverse(keep=max(1, problem.n_meta // 4)),
}


def _series(terms: int) -> Neumann:
    return Neumann(terms=terms, rtol=1e-14, allow_unconverged=True)


def applies(problem: Problem, derivative: str, curvature: str) -> bool:
    """Whether a part is written for this problem's adaptation."""
    single = isinstance(problem.adaptation, NoAdaptation)
    if derivative == "ignored":
        return not single
    if derivative != "exact" and not isinstance(problem.adaptation, (Proximal, ProximalRidge)):
        return False
    return single or not curvature.startswith("EK-FAC")
