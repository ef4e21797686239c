"""How shares in proper order move between the numbers of tasks that 002 speaks of, judged seed by seed."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Verdict
from metainfl.experiments.paper_002.amounts_claims import Judge, shares
from metainfl.experiments.paper_002.noise_scores import DOT, RUN
from metainfl.metrics.intervals import interval, paired

FEWEST, EQUAL, SEVEN = "fewest", "as many as noise", "seven times the noise"


def place(steps: Sequence[str], which: str) -> str | None:
    """Of a sweep: the first, or the one whose real tasks are as many as its noise, or seven times, if any."""
    if which == FEWEST:
        return steps[0]
    ratio = {EQUAL: 1, SEVEN: 7}[which]
    both = {a: [int(n) for n in a.split(" and ")] for a in steps}
    return next((a for a in reversed(steps) if both[a][0] == ratio * both[a][1]), None)


def more_at(learner: str, sweep: str, high: str, low: str) -> Judge:
    """Whether more tests with new tasks are in proper order at one number of tasks than at another."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        a, b = (place(cells[0]["sweeps"][sweep], which) for which in (high, low))
        if a is None or b is None:
            return Verdict(UNTOLD, "-", "No network here has that many tasks.")

        def gap(*by: str) -> str:
            return str(paired(*(shares(cells, learner, at, "new", *by) for at in (a, b))))

        more, less = (shares(cells, learner, at, "new") for at in (a, b))
        why = (
            f"The share: {interval(more)} with {a}, {interval(less)} with {b} real tasks and noise. By "
            f"other scores: {DOT}: {gap(DOT)}, {RUN}: {gap(RUN)}."
        )
        return Verdict(telling.above(paired(more, less)), f"difference {gap()}", why)

    return judge


def steadier(cells: Sequence[Cell]) -> Verdict:
    """Whether the share moves less by prototypes than by MAML as real tasks get fewer, noise fixed."""

    def spread(learner: str, *by: str) -> list[float]:
        rows = [shares(cells, learner, a, "new", *by) for a in cells[0]["sweeps"]["fixed noise"]]
        return [max(r) - min(r) for r in zip(*rows, strict=True)]

    gap, dot, run = (
        paired(spread("MAML", *by), spread("prototypes", *by)) for by in ((), (DOT,), (RUN,))
    )
    own = ", ".join(f"{n} {interval(spread(n))}" for n in ("MAML", "prototypes"))
    why = (
        f"From the lowest share to the highest over the sweep, in each seed: {own}; counts of tests move "
        f"by chance, too. By other scores: {DOT}: {dot}, {RUN}: {run}."
    )
    return Verdict(telling.above(gap), f"difference {gap}", why)
