"""How an answer is held against the truth: what is claimed of it, what rounding allows, and the failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from metainfl.methods.claim import Claim
from metainfl.oracle.case import Case
from metainfl.oracle.estimands import Estimand
from metainfl.oracle.measure import distance
from metainfl.oracle.outcome import Failed
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray


class Comparing:
    """A claim and its estimand, and everything that compares by them."""

    claim: Claim
    estimand: Estimand

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
            size = self.estimand.subtracted(case.known)
            if self.estimand.edit:
                size = float(np.linalg.norm(case.solution.lam))
            if size:  # rounding of lam, or of losses, seen beside differences that are smaller
                rows = self.truth(case, pis) / self.factor(case)
                allowed *= max(
                    1.0, size * len(pis) ** 0.5 / max(float(np.linalg.norm(rows)), 1e-300)
                )
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
        diagnosis: Callable[[], str] = str,
    ) -> None:
        """`Failed` with numbers when got is further from want than allowed; only then is it diagnosed.

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
            diagnosis=diagnosis(),
            code=code or f"method({case.code}.problem(), {_code([pis[worst]])})",
        )


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
