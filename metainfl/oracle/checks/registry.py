"""The list of checks: name, group, what it means in one line, the function, and whose claims it judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metainfl.oracle.context import Context
from metainfl.oracle.estimands.estimand import Evidence

Run = Callable[[Context], None]
#: evidence of methods that are given a problem
PROBLEMS: tuple[Evidence, ...] = ("minimiser", "game", "features")
EVERY: tuple[Evidence, ...] = (*PROBLEMS, "run")


@dataclass(frozen=True)
class Check:
    """`run(context)` returns if all is well and raises `Failed` or `Skipped` otherwise."""

    name: str
    group: str
    meaning: str
    run: Run
    evidence: tuple[Evidence, ...] = PROBLEMS


CHECKS: dict[str, Check] = {}


def check(
    group: str, meaning: str, evidence: tuple[Evidence, ...] = PROBLEMS
) -> Callable[[Run], Run]:
    """Register a function as a check under its own name, for claims of this evidence."""

    def add(run: Run) -> Run:
        name = run.__name__
        CHECKS[name] = Check(name, group, meaning, run, evidence)
        return run

    return add


def checks_for(evidence: Evidence) -> list[str]:
    """The names of the checks that judge claims of this evidence, in their order."""
    return [name for name, c in CHECKS.items() if evidence in c.evidence]
