"""What in a recipe or a network makes a training run smoother, each tried on the run itself.

A run's derivative predicts finite changes only where the run is smooth (Engstrom et al. 2025: their choices
of activation, batch, rate, momentum and epsilon). Which one helps is not known beforehand: every knob that
applies is turned alone, then all that helped together; the run is trained again each time, and its
metasmoothness and loss put beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from metainfl.advice.smoothed import without_batch_statistics, without_kinks
from metainfl.derive.problem import Problem
from metainfl.errors import MetainflError
from metainfl.problem.model import Model
from metainfl.training import SGD, Adam, Recipe, Run, train

SLOWER = 3.0  # by how much the rate is divided
LARGER = 4  # by how much the batch is multiplied
EPSILON = 1e-4  # inside Adam's root
PHASE = 4  # the last part of the run, as one over its length


@dataclass(frozen=True)
class Setup:
    """What is trained: problem, recipe, and the steps that count as the start's, not the run's."""

    problem: Problem
    recipe: Recipe
    first: int = 0


@dataclass(frozen=True)
class Knob:
    """One change, in words."""

    name: str
    words: str
    turn: Callable[[Setup], Setup]


@dataclass(frozen=True)
class Tried:
    """A knob turned: the run's metasmoothness and mean training loss with it; `why` where it cannot run."""

    name: str
    words: str
    smoothness: float | None
    loss: float | None
    why: str = ""

    def __str__(self) -> str:
        """`batches of 64 tasks: metasmoothness 0.93, loss 1.20`."""
        if self.smoothness is None:
            return f"{self.words}: {self.why}"
        return f"{self.words}: metasmoothness {self.smoothness:.2f}, loss {self.loss:.4g}"


def knobs(run: Run) -> list[Knob]:
    """Those that apply to this run: what it has already is not offered."""
    own = Setup(run.program.problem, run.recipe)
    return [*_network(own), *_rates(own), *_optimiser(own), *_start(run)]


def together(turned: Sequence[Knob]) -> Knob:
    """All of these at once."""

    def turn(setup: Setup) -> Setup:
        for knob in turned:
            setup = knob.turn(setup)
        return setup

    return Knob("together", "together: " + "; ".join(k.words for k in turned), turn)


def tried(run: Run, knob: Knob) -> Tried:
    """The run with it; a run that cannot be made is told, not raised."""
    try:
        other = _trained(run, knob.turn(Setup(run.program.problem, run.recipe)))
        return Tried(knob.name, knob.words, other.smoothness().value, mean_loss(other))
    except MetainflError as error:
        return Tried(knob.name, knob.words, None, None, str(error))


def mean_loss(run: Run) -> float:
    """Of the training tasks at the run's end, adapted."""
    end = run.problem()
    return float(end.losses(end.lam).double().mean())


def _network(own: Setup) -> list[Knob]:
    out = []
    for name, words, change in (
        ("activation", "smooth activations and mean pooling", without_kinks),
        ("normalisation", "group instead of batch normalisation", without_batch_statistics),
    ):
        count = change(own.problem.setting.model)[1]
        if count:
            plural = "" if count == 1 else "s"
            out.append(Knob(name, f"{words} ({count} layer{plural})", partial(_model, change)))
    return out


def _model(change: Callable[[Model], tuple[Model, int]], setup: Setup) -> Setup:
    return replace(
        setup, problem=setup.problem.replaced(model=change(setup.problem.setting.model)[0])
    )


def _recipe(change: Callable[[Recipe], Recipe], setup: Setup) -> Setup:
    return replace(setup, recipe=change(setup.recipe))


def _rates(own: Setup) -> list[Knob]:
    tasks, size = own.problem.tasks.n_tasks, own.recipe.batch_size
    out = [
        Knob("rate", f"rates divided by {SLOWER:g}", partial(_recipe, partial(_times, 1 / SLOWER)))
    ]
    if size is not None and size < tasks:
        most = min(LARGER * size, tasks)
        larger = partial(replace, batch_size=most)
        out.append(Knob("batch", f"batches of {most} tasks", partial(_recipe, larger)))
    return out


def _times(factor: float, recipe: Recipe) -> Recipe:
    return replace(recipe, rate=tuple(factor * r for r in recipe.rates()))


def _optimiser(own: Setup) -> list[Knob]:
    optimiser = own.recipe.optimiser
    out = []
    if isinstance(optimiser, SGD) and 0 < optimiser.momentum < 1:
        plain = replace(optimiser, momentum=0.0, dampening=0.0, nesterov=False)
        longer = (1 - optimiser.dampening) / (1 - optimiser.momentum)

        def without(recipe: Recipe) -> Recipe:
            return _times(longer, replace(recipe, optimiser=plain))

        words = f"no momentum, rates {longer:.3g} times as large"
        out.append(Knob("momentum", words, partial(_recipe, without)))
    if isinstance(optimiser, Adam):
        eps = 100 * optimiser.eps if optimiser.eps_inside_root else max(EPSILON, optimiser.eps)
        inside = partial(replace, optimiser=replace(optimiser, eps=eps, eps_inside_root=True))
        words = f"epsilon {eps:g} inside Adam's root (eps={eps:g}, eps_inside_root=True)"
        out.append(Knob("epsilon", words, partial(_recipe, inside)))
    if own.recipe.clip is not None:
        out.append(Knob("clip", "no clipping", partial(_recipe, partial(replace, clip=None))))
    return out


def _start(run: Run) -> list[Knob]:
    last = run.done // PHASE
    if last < 1:
        return []
    words = (
        f"the last {last} steps alone, from the state before them (run.phase({run.done - last}))"
    )
    return [Knob("fixed start", words, partial(replace, first=run.done - last))]


def _trained(run: Run, setup: Setup) -> Run:
    """From the run's own start, as far as it went."""
    start, recipe = run.program.start, setup.recipe
    if recipe.optimiser.n_moments != run.recipe.optimiser.n_moments:
        if any(bool(m.any()) for m in start.moments):
            raise MetainflError("it starts with moments of the other optimiser")
        start = start.lam  # type: ignore[assignment]
    if run.done < run.program.steps:
        recipe = recipe.from_step(0, setup.problem.tasks.n_tasks, run.done)
    whole = train(setup.problem, recipe, start=start, keep=run.kept.keep, progress=False)
    return whole.phase(setup.first, progress=False) if setup.first else whole
