"""Looking at a run: what it can answer, and, measured, which knob makes it answer better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from metainfl.advice.advise import Progress
from metainfl.advice.knobs import Knob, Tried, knobs, together, tried
from metainfl.advice.run_advice import BETTER, RunAdvice
from metainfl.curvature import exact
from metainfl.errors import Interrupted, InvalidOption, InvalidRecipe
from metainfl.numbers import STAGES, flag, function, said
from metainfl.problem.every import all_tasks
from metainfl.problem.tasks import Tasks
from metainfl.scale.plan import plan
from metainfl.solve.spectrum import lanczos
from metainfl.training import Run, objective
from metainfl.training.scores import RunScores

PRODUCTS = 10  # of Lanczos: enough to see a negative eigenvalue of a network in training
RERUNS = 8


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
    if not isinstance(run, Run):
        raise InvalidOption(
            f"this is asked of a metainfl.training.Run, got {said(run)}; of a problem, metainfl.advice.advise"
        )
    measure = flag(measure, "measure", InvalidOption)
    function(progress, "progress", STAGES, InvalidOption)
    program = run.program
    end = run.problem()
    targets = end.tasks.select([0]) if targets is None else targets
    found = knobs(run)
    stages = 3 + (2 + len(found) if measure else 0)
    progress(0, stages, "two reruns, for the smoothness")
    smooth = run.smoothness()
    progress(1, stages, "the last state: gradient and curvature")
    residual, low, high, unlooked = None, None, None, ""
    try:
        descended = objective(run)
        spectrum = lanczos(exact(descended), min(PRODUCTS, end.n_meta))
        residual, low, high = descended.residual(descended.lam), spectrum.low, spectrum.high
    except InvalidRecipe as error:  # there is no one objective
        unlooked = str(error)
    progress(2, stages, "what steps and their adjoints cost")
    whole = program.problem.replaced(lam=program.start.lam)
    taken = run.recipe.from_step(0, whole.tasks.n_tasks, run.done)
    cost = plan(whole, taken, targets, keep=run.kept.keep)
    looked = RunAdvice(
        run=repr(run),
        smoothness=smooth,
        residual=residual,
        low=low,
        high=high,
        unlooked=unlooked,
        plan=cost,
        untried=tuple(k.words for k in found),
    )
    if not measure:
        progress(stages, stages, "done")
        return looked
    try:
        progress(3, stages, f"{RERUNS} tasks removed")
        done = _removed(run, targets)
        looked = replace(looked, reruns=done.reruns, undone=done.undone)
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


def _removed(run: Run, targets: Tasks) -> RunScores:
    """The tasks spread over the predicted effects, from the most harmful to the most helpful."""
    asked = all_tasks(run.program.problem.tasks)
    scores = run.scores(targets, asked).value.double().mean(dim=1)
    order = torch.argsort(scores)
    few = (
        torch.linspace(0, len(asked) - 1, min(RERUNS, len(asked)), device="cpu")
        .round()
        .long()
        .unique()
    )
    return run.scores(targets, asked, reruns=[asked[int(order[i])] for i in few])
