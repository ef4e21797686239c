"""What `advise` says of a problem: a recommendation, what it rests on, and its words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from metainfl.derive.differences import DerivativeErrors

STATIONARY = 1e-3  # relative gradient above which lam is called far from stationary
SAFE = 0.1  # EK-FAC is called safe below this relative residual


@dataclass(frozen=True)
class Advice:
    """A recommendation with what it rests on; `measured` is filled in on demand."""

    parameters: int
    residual: float
    low: float
    high: float
    damping: float
    wanted: float
    solver: str
    cg_iterations: int
    neumann_scale: float
    neumann_terms: int
    predicted: float
    measured: float | None
    kronecker_residual: float | None
    derivatives: DerivativeErrors
    plan: str
    options: dict[str, float]
    flat: str = ""

    @property
    def condition(self) -> float:
        """After damping."""
        return (self.high + self.damping) / (self.low + self.damping)

    @property
    def ekfac_safe(self) -> bool | None:
        """Whether EK-FAC may stand for H; None where it is not defined."""
        return None if self.kronecker_residual is None else self.kronecker_residual <= SAFE

    @property
    def warnings(self) -> list[str]:
        """What makes every other line here doubtful; first of all to be read."""
        words = []
        if self.residual > STATIONARY:
            words.append(
                f"lam is far from stationary (relative gradient {self.residual:.1e}): influence means "
                "little there, and the errors predicted below too; run problem.solve() first"
            )
        if self.derivatives.wrong:
            words.append(str(self.derivatives))
        return words

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {**asdict(self), "condition": self.condition, "ekfac_safe": self.ekfac_safe}

    def _cg(self) -> str:
        if self.cg_iterations < self.parameters:
            return f"{self.cg_iterations} iterations for an error of {self.wanted:.1g}"
        return (
            f"no bound below the number of parameters ({self.parameters} iterations): precondition it, "
            "or damp more"
        )

    def _options(self) -> str:
        """Those that cost anything; EK-FAC has its own line."""
        named = {
            "CG": f"CG({self.cg_iterations})",
            "Neumann": f"Neumann({self.neumann_terms})",
            "damping": f"damping({self.damping:.2g})",
        }
        return "relative error at most: " + ", ".join(
            f"{named.get(name, name)} {_bound(error)}"
            for name, error in self.options.items()
            if name != "EK-FAC" and error
        )

    def __str__(self) -> str:
        lines = [
            *(f"warning      {words}" for words in self.warnings),
            f"{self.parameters} meta-parameters, relative gradient {self.residual:.1e}, Hessian between "
            f"{self.low:.3g} and {self.high:.3g} (condition {self.condition:.2g} after damping)",
            *(
                [
                    f"flat         {self.flat}: use problem.replaced(symmetry="
                    "metainfl.symmetry.find(problem)); all else here is said off them"
                ]
                if self.flat
                else []
            ),
            f"solver       {self.solver}",
            f"damping      {self.damping:.3g}"
            + (" (none needed)" if not self.damping else " (H is not safely positive definite)"),
            f"CG           {self._cg()}",
            f"Neumann      scale {self.neumann_scale:.3g}, J = {self.neumann_terms} terms",
            f"products     {self.plan}",
            *([] if self.derivatives.wrong else [f"derivatives  {self.derivatives}"]),
            f"predicted    relative error at most {self.predicted:.1g}",
            f"options      {self._options()}",
        ]
        if self.measured is not None:
            lines.append(f"measured     {self.measured:.2g} against a solve to rounding")
        if self.kronecker_residual is None:
            lines.append("EK-FAC       not defined here (it needs linear layers and no adaptation)")
        else:
            word = "may stand for H" if self.ekfac_safe else "is not safe"
            lines.append(
                f"EK-FAC       {word}: it misses {self.kronecker_residual:.0%} of H on random vectors; "
                f"relative error at most: {_bound(self.options['EK-FAC'])}"
            )
        return "\n".join(lines)


def _bound(error: float) -> str:
    return f"{error:.1g}" if math.isfinite(error) else "no bound"
