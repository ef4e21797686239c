"""Backwards through the run: what every weight does to one target, in one pass.

    s_bar_S = (D L_t(lam_S), 0, 0),    (s_bar_t, g_bar_t) = transpose of dU_t applied to s_bar_{t+1}
    weight_bar += g_bar_t . d g_t/d weight,    lam_bar_t += H_{B_t} g_bar_t
SGD-influence (Hara et al. 2019; 003, section 5.2.2.3) for any optimiser and any weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from metainfl_reference.answer import Answer, beside
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands.trajectory import step
from metainfl_reference.estimands.trajectory.run import Run
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, parts
from metainfl_reference.wide import lifted, widened

Array = np.ndarray


@dataclass(frozen=True)
class Slopes:
    """d L_t(lam_S)/d weight: task (T,), support (T, n_s), query (T, n_q), and d L_t/d lam_0 (p,).

    Positive = more weight raises the target's loss. A bound an entry.
    """

    task: Answer
    support: Answer
    query: Answer
    start: Answer

    def of(self, perturbations: Sequence[Perturbation]) -> Answer:
        """One number a perturbation (n,); the members of a group add up."""
        members = [parts(p) for p in perturbations]
        for m in (m for ms in members for m in ms):
            if m.kind not in ("task", "support", "query"):
                raise InvalidProblem(f"{m} is no weight; `tangent` takes input shifts")
        value = np.array([sum(self._entry("value", m) for m in ms) for ms in members])
        return Answer(
            value, lambda: np.array([sum(self._entry("bound", m) for m in ms) for ms in members])
        )

    def _entry(self, name: str, m: Perturbation) -> float:
        array = getattr(getattr(self, m.kind), name)
        return float(array[m.task] if m.kind == "task" else array[m.task, m.instance])


def adjoint(of: Run, target: TaskData | Array) -> Slopes:
    """The slopes of one target: a task, or a gradient (p,) that is taken as given."""
    value = _backwards(of, _slope(of, target))

    @cache
    def truth() -> tuple[Weights, Array]:
        given = lifted(target) if isinstance(target, TaskData) else widened(target)
        return _backwards(of.wide, _slope(of.wide, given))

    weights, start = value
    return Slopes(
        Answer(weights.task, lambda: beside(weights.task, truth()[0].task)),
        Answer(weights.support, lambda: beside(weights.support, truth()[0].support)),
        Answer(weights.query, lambda: beside(weights.query, truth()[0].query)),
        Answer(start, lambda: beside(start, truth()[1])),
    )


def _slope(of: Run, target: TaskData | Array) -> Array:
    """D L_t at lam_S."""
    if not isinstance(target, TaskData):
        return np.asarray(target)
    return of.family.local(target, of.states[-1].lam).gradient()


def _backwards(of: Run, slope: Array) -> tuple[Weights, Array]:
    kind = of.states[0].lam.dtype
    out = Weights(*(np.zeros(a.shape, kind) for a in vars(of.weights).values()))
    bar = State(slope, np.zeros_like(slope), np.zeros_like(slope))
    for t in reversed(range(of.recipe.steps)):
        batch = of.batch(t)
        rate = of.recipe.rates[t]
        bar, g_bar = step.pull(of.recipe, rate, of.states[t], batch.gradient(), bar)
        batch.against(g_bar, out)
        bar = replace(bar, lam=bar.lam + batch.hessian() @ g_bar)
    return out, bar.lam
