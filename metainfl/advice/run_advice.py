"""Which question a training run can answer, at what cost, and which knob makes it answer better.

The derivative of a run is exact whatever the run; whether it predicts removals is its metasmoothness. The
papers' formula asks for something else: a stationary point with a definite Hessian, looked at here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from metainfl.advice.knobs import Tried
from metainfl.scale.plan import Plan
from metainfl.training.scores import Reruns
from metainfl.training.smoothness import HIGH, LOW, Smoothness

STATIONARY = 1e-3
BETTER = 0.02  # more in metasmoothness than this helps


@dataclass(frozen=True)
class RunAdvice:
    """What was looked at, what to use, and what was tried.

    residual    relative size of the gradient at the run's end, of the objective that it descends
    low         its Hessian's least Ritz value;   high   the largest; None where there is none: see `unlooked`
    tried       every knob turned (`measure`), best first;   reruns   predicted and true removals
    undone      removals that end in no number, by name, and why
    """

    run: str
    smoothness: Smoothness
    residual: float | None
    low: float | None
    high: float | None
    plan: Plan
    tried: tuple[Tried, ...] = ()
    reruns: Reruns | None = None
    undone: Mapping[str, str] = field(default_factory=dict)
    untried: tuple[str, ...] = ()
    unlooked: str = ""

    @property
    def estimator(self) -> str:
        """What to use."""
        if self.smoothness.value >= HIGH:
            found = self.reruns
            if found is not None and not bool((found.interval[:, 0] > 0).all()):
                return (
                    "run.replay_many (removals run again): the run is smooth in one direction, but the "
                    "reruns do not show that the derivative predicts them"
                )
            return (
                "run.scores (the adjoint): exact, and the run is smooth in one direction; a few removals "
                "(reruns=, or --measure) say how well it predicts them"
            )
        if self.smoothness.value >= LOW:
            return "run.scores (the adjoint) with reruns=: exact, but confirm what it predicts"
        return (
            "run.replay_many (removals run again): the derivative is exact but predicts nothing here; or "
            "make the run smoother first"
        )

    @property
    def implicit(self) -> str:
        """Whether influence functions at the last state mean anything."""
        if self.residual is None or self.low is None:
            return f"influence functions (task-IF) do not apply: {self.unlooked}"
        if self.residual <= STATIONARY and self.low > 0:
            return (
                "the run ended at a minimum: metainfl.influence of metainfl.training.objective(run) says the "
                "same, for any optimiser (with AdamW's decay, nearly)"
            )
        faults = []
        if self.residual > STATIONARY:
            faults.append(f"is not stationary (relative gradient {self.residual:.1e})")
        if self.low <= 0:
            faults.append(f"has negative curvature ({self.low:.2g}; largest {self.high:.2g})")
        return f"influence functions (task-IF) do not apply: the last state {' and '.join(faults)}"

    @property
    def best(self) -> Tried | None:
        """The knob that helped most, if one did."""
        own = self.smoothness.value + BETTER
        better = [t for t in self.tried if t.smoothness is not None and t.smoothness > own]
        return better[0] if better else None

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        reruns = None
        if self.reruns is not None:
            reruns = {
                "removed": [str(p) for p in self.reruns.perturbations],
                "predicted": self.reruns.predicted.tolist(),
                "true": self.reruns.true.tolist(),
            }
        return {**asdict(self), "reruns": reruns, "estimator": self.estimator,
                "implicit": self.implicit, "best": None if self.best is None else self.best.name}  # fmt: skip

    def __str__(self) -> str:
        rows = self.plan.rows(targets=1, removals=1, game=0)
        training, adjoint, removal = (float(r["seconds"]) for r in rows[:3])
        lines = [
            self.run,
            f"smooth       {self.smoothness}",
            f"use          {self.estimator}",
            f"stationary   {self.implicit}",
            f"cost         training {training:.2g} s, one target {adjoint:.2g} s, each further one "
            f"{self.plan.steps * self.plan.target:.2g} s, each removal {removal:.2g} s",
        ]
        if self.reruns is not None:
            lines.append(f"confirmed    {self.reruns}")
        lines += [f"not removed  {p}: {why}" for p, why in self.undone.items()]
        lines += [f"tried        {t}" for t in self.tried]
        if self.tried:
            best = self.best
            lines.append(
                "helps most   " + (best.words if best else "none of these: each leaves it as it is")
            )
        if self.untried:
            lines.append(f"not tried    {'; '.join(self.untried)} (--measure tries each)")
        return "\n".join(lines)
