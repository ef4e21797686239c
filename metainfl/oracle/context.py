"""What every check works with: the method, its claim, cases in its domain, and how to compare."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.methods.claim import Claim
from metainfl.oracle.besides import Besides
from metainfl.oracle.case import Case
from metainfl.oracle.comparing import Comparing
from metainfl.oracle.diagnosis import diagnose
from metainfl.oracle.drawing import ORDER, Drawing
from metainfl.oracle.estimands import find
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.returned import Returned
from metainfl.oracle.runner import InProcess, Runner, as_array
from metainfl.oracle.watched import Method
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.families import FAMILIES

Array = np.ndarray


class Context(Drawing, Comparing):
    """One method under judgement."""

    def __init__(
        self,
        method: Method,
        claim: Claim,
        *,
        quick: bool = False,
        seed: int = 0,
        seconds: float = 60.0,
        runner: Runner | None = None,
    ) -> None:
        self.method, self.claim, self.quick, self.seed, self.seconds = (
            method,
            claim,
            quick,
            seed,
            seconds,
        )
        self.asked: tuple[Problem, list[Perturbation]] | None = None
        self.earlier: list[Case] = []
        self.gathered: list[Evidence] | None = None
        #: what each call did besides returning, and on which case
        self.besides: list[Besides] = []
        self.everywhere: list[Besides] | None = None
        #: what the method was asked first of all, and its rows
        self.first: tuple[Case, list[Perturbation], Array] | None = None
        self.runner = runner or InProcess(method)
        self.estimand = find(claim.estimand)
        domain = claim.families or tuple(FAMILIES)
        strange = [n for n in domain if n not in FAMILIES]
        if strange:
            raise InvalidProblem(
                f"the claim names families {', '.join(map(repr, strange))}; there are {', '.join(FAMILIES)}"
            )
        self.families = [n for n in ORDER if n in domain]

    def reseeded(self, seed: int) -> Context:
        """The same method and claim on other draws."""
        other = type(self)(
            self.method,
            self.claim,
            quick=self.quick,
            seed=seed,
            seconds=self.seconds,
            runner=self.runner,
        )
        other.first, other.earlier, other.besides = self.first, self.earlier, self.besides
        return other

    def diagnosis(self, seen: Sequence[Evidence]) -> str:
        """Words for what the wrong answers equal."""
        return diagnose(seen, self.estimand, self.earlier)

    def needs_derivative(self) -> None:
        """Skip a law that only the derivative obeys."""
        if not self.estimand.linear:
            raise Skipped(f"a law of the derivative; the claim is {self.claim.estimand}")
        self.needs_values()

    def needs_values(self) -> None:
        """Skip what is about values, of which a rank claim makes no statement."""
        if self.claim.accuracy == "rank":
            raise Skipped("a rank claim makes no statement about values")

    def needs_kind(self, *kinds: str) -> None:
        """Skip a check for perturbations that are not claimed."""
        missing = [k for k in kinds if k not in self.claim.kinds]
        if missing:
            raise Skipped(f"needs {', '.join(missing)} perturbations; not claimed")

    def ask(
        self,
        case: Case,
        pis: Sequence[Perturbation],
        problem: Problem | None = None,
        **options: Any,
    ) -> Array:
        """The method's answer as rows, as shifts from lam* where it returns edits."""
        own = case.problem() if problem is None else problem
        value = self.raw(case, pis, own, **options)
        rows = self._rows(case, as_array(value, self.estimand.shape(case.known, len(pis))))
        if all(c is not case for c in self.earlier):
            self.earlier.append(case)
        if self.first is None and problem is None and not options:
            self.first = case, list(pis), rows.copy()
        return rows

    def raw(
        self, case: Case, pis: Sequence[Perturbation], problem: Problem, **options: Any
    ) -> Returned:
        """What the method returns, and what it does besides."""
        extra = (case.target_tasks(problem),) if self.estimand.per_target else ()
        self.asked = (problem, list(pis))
        try:
            found = self.runner.call(problem, pis, *extra, seconds=self.seconds, **options)
        except Failed as failure:
            if failure.call is not None:
                self.besides.append(Besides.of(case.name, failure.call))
            raise
        self.besides.append(Besides.of(case.name, found))
        return found

    def takes(self, *names: str) -> str | None:
        """The first of these keyword options that the method accepts."""
        try:
            parameters = inspect.signature(self.method).parameters
        except (TypeError, ValueError):
            return None
        return next((n for n in names if n in parameters), None)
