"""The four options of everything that solves with a curvature, looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

from metainfl.curvature import Curvature, exact
from metainfl.curvature import __all__ as CURVATURES
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.own_parts import operator_by
from metainfl.numbers import NOT_NEGATIVE, flag, real
from metainfl.problem.given import said
from metainfl.solve import Dense, Solver, Structured
from metainfl.solve import __all__ as SOLVERS
from metainfl.solve.operator import SymmetricOperator


class How(TypedDict, total=False):
    """Keyword arguments of everything that solves with a curvature."""

    curvature: Curvature
    solver: Solver | None
    damping: float
    allow_nonstationary: bool


def require_options(how: Mapping[str, object]) -> None:
    """`InvalidOption` for an option that there is not (a misspelt one would change nothing), and for a
    solver, a curvature or a yes or no that is none.
    """
    names = list(How.__annotations__)
    for name in how:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(f"there is no option {name!r}{meant}; there are {', '.join(names)}")
    solver, curvature = how.get("solver"), how.get("curvature", exact)
    if isinstance(solver, type):
        raise InvalidOption(f"solver is an object, not a class: write {solver.__name__}()")
    if solver is not None and not callable(solver):
        own = _near(SOLVERS, solver) or "Dense"
        raise InvalidOption(
            f"solver is an object that solves, metainfl.solve.{own}() say, or None; got {said(solver)}"
        )
    if not callable(curvature):
        own = _near(CURVATURES, curvature) or "exact"
        raise InvalidOption(
            f"curvature is a function of a problem, such as metainfl.curvature.{own}; got "
            f"{said(curvature)}"
        )
    flag(how.get("allow_nonstationary", False), "allow_nonstationary", InvalidOption)


def damping_of(how: Mapping[str, Any]) -> float:
    """The damping as a number, 0 where none was given."""
    return real(how.get("damping", 0.0), "damping", NOT_NEGATIVE, InvalidOption)


def operator_of(problem: Problem, how: Mapping[str, Any]) -> SymmetricOperator:
    """C + damping, of the curvature asked for."""
    return operator_by(how.get("curvature", exact), problem).damped(damping_of(how))


def solver_of(operator: SymmetricOperator, how: Mapping[str, Any]) -> Solver:
    """The solver asked for, else the curvature's own inverse, else a dense solve."""
    solver: Solver | None = how.get("solver")
    if solver is not None:
        return solver
    return Structured() if hasattr(operator, "inverse") else Dense()


def _near(names: list[str], name: object) -> str | None:
    """The one of the names that a word is meant for."""
    if not isinstance(name, str):
        return None
    known = {n.lower(): n for n in names}
    near = get_close_matches(name.lower(), list(known), n=1)
    return known[near[0]] if near else None
