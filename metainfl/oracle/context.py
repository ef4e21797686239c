"""What every check works with: the method, its claim, cases in its domain, and how to compare."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.methods.claim import Claim
from metainfl.oracle.bridge import to_truth
from metainfl.oracle.case import Case, small_case
from metainfl.oracle.comparing import Comparing
from metainfl.oracle.diagnosis import diagnose
from metainfl.oracle.estimands import find
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.returned import Returned
from metainfl.oracle.runner import InProcess, Method, Runner, as_array
from metainfl.oracle.space import DESIGNS, drawn_case
from metainfl.problem.perturbation import Perturbation
from metainfl_reference.families import FAMILIES

Array = np.ndarray
#: the order in which families are taken when only a few are
ORDER = (
    "proximal_ridge",
    "linear_representation",
    "maml_softmax",
    "proximal_softmax",
    "single_softmax",
    "prototypes",
    "maml_linear",
    "single_ridge",
)
cached_case = lru_cache(maxsize=512)(small_case)
#: drawn cases of a quick check; each costs a call of some thirty to a hundred milliseconds
QUICK = 12
#: perturbations of a kind where there are many tasks: every task is among them
MANY = 40


class Context(Comparing):
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
        other.first, other.earlier = self.first, self.earlier
        return other

    @cached_property
    def cases(self) -> list[Case]:
        """One case a family (two families when quick), weights 1."""
        names = self.families[:2] if self.quick else self.families
        return [cached_case(n, self.seed) for n in names]

    def space(self, *designs: str) -> list[tuple[Case, list[Perturbation]]]:
        """Drawn cases of the domain in these designs (all of them if none is named), with everything
        that can be asked of them.

        Full: every family in every design. Quick: every family once and the first in every design, then
        as many as there is time for. Estimands that cost a solve a perturbation are asked for a few.
        """
        chosen = designs or (DESIGNS if self.estimand.cheap else DESIGNS[:2])
        pairs = [(n, d) for d in chosen for n in self.families]
        if self.quick:
            first = [(n, chosen[0]) for n in self.families]
            first += [(self.families[0], d) for d in chosen[1:]]
            rest = [(n, d) for n in self.families[1:] for d in chosen[1:]]
            pairs = [*first, *rest][: max(QUICK, len(first))]
        out = []
        for name, design in pairs:
            case = drawn_case(name, design, self.seed)
            few = None if self.estimand.cheap else 2 if self.quick else 4
            pis: list[Perturbation] = []
            for kind in self.claim.kinds:
                most = MANY if design == "many" and kind != "task" else None
                pis += case.perturbations([kind], few or most)
            pis = [p for p in pis if self._known(case, p)]
            if pis:
                out.append((case, pis))
        if not out:
            raise Skipped("no family in the domain has the claimed kinds of perturbation")
        return out

    @property
    def case(self) -> Case:
        """The simplest case in the domain."""
        return self.cases[0]

    def perturbations(self, case: Case, limit: int | None = None) -> list[Perturbation]:
        """Of the claimed kinds; a few of each when quick. `Skipped` if the case has none."""
        out: list[Perturbation] = []
        for kind in self.claim.kinds:
            own = case.perturbations([kind])
            most = (2 if self.quick else 4) if limit is None else limit
            keep = np.linspace(0, len(own) - 1, min(len(own), most)).astype(int)
            out += [own[i] for i in sorted(set(keep.tolist()))]
        if not out:
            raise Skipped(f"{case.family.name} has none of the claimed kinds of perturbation")
        return out

    def usable(self, limit: int | None = None) -> list[tuple[Case, list[Perturbation]]]:
        """Cases with perturbations whose truth exists."""
        out = []
        for case in self.cases:
            try:
                pis = [p for p in self.perturbations(case, limit) if self._known(case, p)]
            except Skipped:
                continue
            if pis:
                out.append((case, pis))
        if not out:
            raise Skipped("no family in the domain has the claimed kinds of perturbation")
        return out

    def _known(self, case: Case, p: Perturbation) -> bool:
        return self.estimand.exists(case.known, to_truth(p))

    def diagnosis(self, seen: Sequence[Evidence]) -> str:
        """Words for what the wrong answers equal."""
        return diagnose(seen, self.estimand, self.earlier)

    def needs_derivative(self) -> None:
        """Skip a law that only the derivative obeys."""
        if not self.estimand.linear:
            raise Skipped(f"a law of the derivative; the claim is {self.claim.estimand}")
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
        return self.runner.call(problem, pis, *extra, seconds=self.seconds, **options)

    def takes(self, *names: str) -> str | None:
        """The first of these keyword options that the method accepts."""
        try:
            parameters = inspect.signature(self.method).parameters
        except (TypeError, ValueError):
            return None
        return next((n for n in names if n in parameters), None)
