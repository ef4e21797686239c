"""A user's own solver or curvature: what it raises and what it returns, in words that say whose it is."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from metainfl.curvature import Curvature
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.numbers import said
from metainfl.solve import Solver, SolveResult
from metainfl.solve.finite import finite_columns
from metainfl.solve.given import own
from metainfl.solve.inverse import Factoring
from metainfl.solve.operator import SymmetricOperator

SOLVER = (
    "a solver is called with a metainfl.solve.operator.SymmetricOperator (p, p) and right-hand sides (p, k), "
    "and returns a metainfl.solve.SolveResult with a solution (p, k)"
)
CURVATURE = (
    "a curvature is a function of a problem that returns a metainfl.solve.operator.SymmetricOperator (p, p), "
    "as metainfl.curvature.exact does"
)


def solved(solver: Solver, operator: SymmetricOperator, rhs: Tensor) -> SolveResult:
    """What the solver makes of right-hand sides (p, k); one of ours speaks for itself."""
    if isinstance(solver, Factoring):
        return solver(operator, rhs)
    with own("the solver that was given", SOLVER):
        found: Any = solver(operator, rhs)
    x = getattr(found, "solution", None)
    if not isinstance(found, SolveResult) or not isinstance(x, Tensor) or x.shape != rhs.shape:
        got = said(found) if x is None else f"a solution {said(x)}"
        raise InvalidOption(f"the solver that was given returned {got}; {SOLVER}")
    finite_columns(x, "solution", "look at the solver that was given")
    return found


def operator_by(curvature: Curvature, problem: Problem) -> SymmetricOperator:
    """What the curvature makes of the problem."""
    with own("the curvature that was given", CURVATURE):
        found: Any = curvature(problem)
    if not all(hasattr(found, name) for name in ("damped", "dense", "size")):
        raise InvalidOption(f"the curvature that was given returned {said(found)}; {CURVATURE}")
    if found.size != problem.n_meta:
        raise InvalidOption(
            f"the curvature that was given is ({found.size}, {found.size}), but the problem has "
            f"{problem.n_meta} meta-parameters; {CURVATURE}"
        )
    operator: SymmetricOperator = found
    return operator
