"""Which question a training run can answer, at what cost, and which knob makes it answer better.

The derivative of a run is exact whatever the run; whether it predicts removals is its metasmoothness. The
papers' formula asks for something else: a stationary point with a definite Hessian, looked at here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from metainfl.advice.knobs import Knob, Tried, knobs, together, tried
from metainfl.attribution.asked import all_tasks
from metainfl.curvature import exact
from metainfl.errors import Interrupted
from metainfl.problem.tasks import Tasks
from metainfl.scale.plan import Plan, plan
from metainfl.solve.spectrum import lanczos
from metainfl.training import Run
from metainfl.training.scores import Reruns
from metainfl.training.smoothness import HIGH, LOW, Smoothness

Progress = Callable[[int, int, str], None]
PRODUCTS = 10  # of Lanczos: enough to see a negative eigenvalue of a network in training
STATIONARY = 1e-3
RERUNS = 8
BETTER = 0.02  # more in metasmoothness than this helps


@dataclass(frozen=True)
class RunAdvice:
    """What was looked at, what to use, and what was tried.

    residual    relative size of the gradient at the run's end;   low   its Hessian's least Ritz value
    tried       every knob turned (`measure`), best first;   reruns   predicted and true removals
    """

    run: str
    smoothness: Smoothness
    residual: float
    low: float
    high: float
    plan: Plan
    tried: tuple[Tried, ...] = ()
    reruns: Reruns | None = None
    untried: tuple[str, ...] = ()

    @property
    def estimator(self) -> str:
        """What to use."""
        if self.smoothness.value >= HIGH:
            return "run.scores (the adjoint): exact, and at this smoothness it predicts removals"
        if self.smoothness.value >= LOW:
            return "run.scores (the adjoint) with reruns=: exact, but confirm what it predicts"
        return (
            "run.replay_many (removals run again): the derivative is exact but predicts nothing here; or "
            "make the run smoother first"
        )

    @property
    def implicit(self) -> str:
        """Whether influence functions at the last state mean anything."""
        if self.residual <= STATIONARY and self.low > 0:
            return "the run ended at a minimum: metainfl.influence says the same for any optimiser"
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
        lines += [f"tried        {t}" for t in self.tried]
        if self.tried:
            best = self.best
            lines.append(
                "helps most   " + (best.words if best else "none of these: each leaves it as it is")
            )
        if self.untried:
            lines.append(f"not tried    {'; '.join(self.untried)} (--measure tries each)")
        return "\n".join(lines)


def advise_run(
    run: Run,
    targets: Tasks | None = None,
    *,
    measure: bool = False,
    progress: Progress = lambda done, total, what: None,
) -> RunAdvice:
    """Look at a run; with `measure` train again with each knob, three runs a knob, and remove a few tasks.

    `targets`: whose loss is asked about when removals are predicted and done; the first task by default.
    """
    program = run.program
    end = run.problem()
    targets = end.tasks.select([0]) if targets is None else targets
    found = knobs(run)
    stages = 3 + (2 + len(found) if measure else 0)
    progress(0, stages, "two reruns, for the smoothness")
    smooth = run.smoothness()
    progress(1, stages, "the last state: gradient and curvature")
    spectrum = lanczos(exact(end), min(PRODUCTS, end.n_meta))
    progress(2, stages, "what steps and their adjoints cost")
    whole = program.problem.replaced(lam=program.start.lam)
    taken = run.recipe.from_step(0, whole.tasks.n_tasks, run.done)
    cost = plan(whole, taken, targets, keep=run.kept.keep)
    looked = RunAdvice(
        run=repr(run),
        smoothness=smooth,
        residual=end.residual(end.lam),
        low=spectrum.low,
        high=spectrum.high,
        plan=cost,
        untried=tuple(k.words for k in found),
    )
    if not measure:
        progress(stages, stages, "done")
        return looked
    try:
        progress(3, stages, f"{RERUNS} tasks removed")
        looked = replace(looked, reruns=_removed(run, targets))
        for i, knob in enumerate(found):
            progress(4 + i, stages, knob.words)
            looked = _with(looked, tried(run, knob))
        progress(4 + len(found), stages, "those that helped, together")
        looked = _combined(looked, run, found)
    except KeyboardInterrupt:
        words = f"advice interrupted after {len(looked.tried)} of {len(found)} knobs"
        raise Interrupted(f"{words}; `result` holds what was measured", looked) from None
    progress(stages, stages, "done")
    return looked


def _combined(advice: RunAdvice, run: Run, found: Sequence[Knob]) -> RunAdvice:
    """With all knobs that helped turned at once, if there are several."""
    own = advice.smoothness.value + BETTER
    helped = {t.name for t in advice.tried if t.smoothness is not None and t.smoothness > own}
    turned = [k for k in found if k.name in helped]
    return _with(advice, tried(run, together(turned))) if len(turned) > 1 else advice


def _with(advice: RunAdvice, new: Tried) -> RunAdvice:
    """With one knob more, the smoothest first."""
    every = sorted(
        (*advice.tried, new),
        key=lambda t: -2.0 if t.smoothness is None else t.smoothness,
        reverse=True,
    )
    return replace(advice, tried=tuple(every), untried=advice.untried[1:])


def _removed(run: Run, targets: Tasks) -> Reruns | None:
    """The tasks spread over the predicted effects, from the most harmful to the most helpful."""
    asked = all_tasks(run.program.problem.tasks)
    scores = run.scores(targets, asked).value.double().mean(dim=1)
    order = torch.argsort(scores)
    few = torch.linspace(0, len(asked) - 1, min(RERUNS, len(asked))).round().long().unique()
    return run.scores(targets, asked, reruns=[asked[int(order[i])] for i in few]).reruns
