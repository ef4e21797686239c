"""What every check works with: the method, its claim, cases in its domain, and how to compare."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.methods.claim import Claim
from metainfl.oracle.bridge import to_truth
from metainfl.oracle.case import Case, small_case
from metainfl.oracle.diagnosis import diagnose
from metainfl.oracle.estimands import find
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed, Skipped
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


class Context:
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
            most = MANY if design == "many" else None
            pis: list[Perturbation] = []
            for kind in self.claim.kinds:
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

    def truth(self, case: Case, pis: Sequence[Perturbation]) -> Array:
        """The estimand with the claimed sign and scale, as rows; edited parameters as shifts from lam*."""
        return self.factor(case) * self._rows(case, case.truth(self.claim.estimand, pis))

    def factor(self, case: Case) -> float:
        """What the claim multiplies the truth by on this case."""
        return self.claim.factor(case.family.episodes.n_tasks)

    def _rows(self, case: Case, value: Array) -> Array:
        """One row a perturbation, shifts where the method edits lam."""
        value = value.reshape(len(value), -1)
        return value - case.solution.lam if self.estimand.edit else value

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

    def tolerance(self, case: Case, dtype: torch.dtype = torch.float64) -> tuple[float, str]:
        """Allowed relative error of anything asked of this case, and where it comes from."""
        rounding = case.tolerance(dtype)
        if isinstance(self.claim.accuracy, float) and self.claim.accuracy > rounding:
            own = case.stretch if self.estimand.evidence == "run" else 1.0
            return min(self.claim.accuracy * own, 1.0), "claimed"
        return rounding, "16 p eps cond(H) cond(inner), and the truth's own bound"

    def measured_tolerance(
        self, case: Case, pis: Sequence[Perturbation], dtype: torch.dtype = torch.float64
    ) -> tuple[float, str]:
        """Allowed relative error of these rows, where the case has measured what rounding does to them.

        A claimed tolerance is about how well H and the right-hand side are known: the solve multiplies
        it by the condition number, which is counted from 100 on.
        """
        if not self.estimand.linear:
            allowed, source = self.tolerance(case, dtype)
            if self.estimand.edit:  # rounding of lam, seen beside shifts that are smaller than lam
                lam, shifts = case.solution.lam, self.truth(case, pis)
                size = max(float(np.linalg.norm(shifts)) / len(pis) ** 0.5, 1e-300)
                allowed *= max(1.0, float(np.linalg.norm(lam)) / size)
            return min(allowed, 1.0), source
        rounding = case.rounding(pis, dtype)
        if isinstance(self.claim.accuracy, float):
            claimed = self.claim.accuracy * case.stretch
            if dtype != torch.float64:  # what is differenced in float64 is good to less in float32
                claimed = max(claimed, differenced(dtype, case.condition))
            if claimed > rounding:
                return min(claimed, 1.0), "claimed"
        return rounding, "what rounding does to these rows: 8 sqrt(n) eps, times their growth"

    def compare(
        self,
        case: Case,
        pis: Sequence[Perturbation],
        got: Array,
        want: Array,
        what: str,
        *,
        allowed: tuple[float, str] | None = None,
        code: str = "",
        diagnosis: str = "",
    ) -> None:
        """`Failed` with numbers when got is further from want than allowed.

        A diagnosis is for `agrees_with_the_truth` to give: it alone compares with the truth everywhere.
        """
        tolerance, source = allowed or self.tolerance(case)
        d = distance(got, want)
        if d.relative <= tolerance:
            return
        worst = min(_first_bad(got, want, tolerance), len(pis) - 1)
        raise Failed(
            what,
            where=f"{case.name}, {pis[worst]} of {len(pis)} perturbations",
            error=d.relative,
            tolerance=tolerance,
            tolerance_from=source,
            condition=case.condition,
            ratio=d.ratio,
            diagnosis=diagnosis,
            code=code or f"method({case.code}.problem(), {_code([pis[worst]])})",
        )

    def takes(self, *names: str) -> str | None:
        """The first of these keyword options that the method accepts."""
        try:
            parameters = inspect.signature(self.method).parameters
        except (TypeError, ValueError):
            return None
        return next((n for n in names if n in parameters), None)


def differenced(dtype: torch.dtype, condition: float = 1.0) -> float:
    """The relative error that a solve with central differences of gradients in this precision may have:
    3 eps^(2/3) times the condition number, and at least eps^(2/5).
    """
    eps = float(torch.finfo(dtype).eps)
    return max(eps**0.4, 3 * eps ** (2 / 3) * condition)


def _first_bad(got: Array, want: Array, tolerance: float) -> int:
    """The first row that alone exceeds the tolerance, on the scale of the whole."""
    gaps = np.linalg.norm(got - want, axis=1)
    bad = np.flatnonzero(gaps > tolerance * np.linalg.norm(want) / max(len(want), 1) ** 0.5)
    return int(bad[0]) if len(bad) else int(gaps.argmax())


def _code(pis: Sequence[Perturbation]) -> str:
    """Perturbations as runnable code."""

    def one(p: Perturbation) -> str:
        if p.kind == "group":
            return "metainfl.group([" + ", ".join(one(m) for m in p.members) + "])"
        if p.kind == "task":
            return f"metainfl.task({p.task})"
        if p.kind in ("support", "query"):
            return f"metainfl.{p.kind}({p.task}, {p.instance})"
        side = p.kind.removesuffix("_input")
        return f"metainfl.shift({side!r}, {p.task}, {p.instance}, {p.axis})"

    return "[" + ", ".join(map(one, pis)) + "]"
