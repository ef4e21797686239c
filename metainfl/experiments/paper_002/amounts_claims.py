"""How networks trained on more and fewer tasks are judged: rank correlations over a sweep, one a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Verdict
from metainfl.experiments.paper_002.noise_scores import DOT, GN, RUN, called
from metainfl.metrics.intervals import Interval, interval, paired, rank_agreement

Judge = Callable[[Sequence[Cell]], Verdict]


def shares(
    cells: Sequence[Cell], learner: str, at: str, tests: str, by: str = GN, what: str = "mean"
) -> list[float]:
    """Of tests in proper order, one a seed."""
    return [c[learner][at][tests][called(by, c[learner][at][tests])][what] for c in cells]


def self_ranks(cells: Sequence[Cell], learner: str, at: str, by: str) -> list[float]:
    """Of the training tasks that are tests, one a seed."""
    known = [c[learner][at]["self-rank"] for c in cells]
    return [k[called(by, k)] for k in known]


def order(learner: str, sweep: str, tests: str, sign: int, what: str = "mean") -> Judge:
    """Whether the share in proper order rises with the number of tasks (`sign` -1: falls)."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        steps = cells[0]["sweeps"][sweep]

        def along(by: str) -> Interval:
            return _along(cells, steps, sign, lambda a: shares(cells, learner, a, tests, by, what))

        got = along(GN)
        least, most = (interval(shares(cells, learner, a, tests, GN, what)) for a in _ends(steps))
        beside = (DOT, RUN) if what == "mean" else (DOT,)  # the run's is known of means alone
        others = ", ".join(f"{by}: {along(by)}" for by in beside)
        counted = "" if sign > 0 else "; counted so that positive is as claimed"
        why = (
            f"One correlation a seed over {', '.join(steps)} tasks{counted}. The share: {least} with fewest, "
            f"{most} with most. By other scores: {others}."
        )
        return Verdict(telling.above(got), f"correlation {got}", why)

    return judge


def means_more(sweep: str, learner: str, sign: int) -> Judge:
    """Whether the share by means rises (`sign` -1: falls) more with the number of tasks than by medians."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        steps = cells[0]["sweeps"][sweep]
        least, most = _ends(steps)
        moves = {
            (by, what): [
                sign * (b - a)
                for a, b in zip(
                    shares(cells, learner, least, "own", by, what),
                    shares(cells, learner, most, "own", by, what),
                    strict=True,
                )
            ]
            for by in (GN, DOT)
            for what in ("mean", "median")
        }
        gap, dot = (paired(moves[by, "mean"], moves[by, "median"]) for by in (GN, DOT))
        own = interval(moves[GN, "mean"])
        why = (
            f"From {least} to {most} tasks the share {'rises' if sign > 0 else 'falls'} by {own} by means "
            f"and by {interval(moves[GN, 'median'])} by medians. It holds where the first is above 0, and "
            f"above the second. The dot product has {dot}."
        )
        return Verdict(
            telling.all_of(telling.above(own), telling.above(gap)), f"difference {gap}", why
        )

    return judge


def self_ranked(learner: str) -> Judge:
    """Whether the training task that is the test is first, at every number of tasks."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        found = {a: _ranks(cells, learner, a, GN) for a in cells[0][learner]}
        words = [telling.below(v, 0.5) for v in found.values()]
        worst = max(found, key=lambda a: found[a].mean)
        others = ", ".join(f"{by}: {_ranks(cells, learner, worst, by)}" for by in (DOT, RUN))
        why = (
            f"The worst of {len(found)} numbers of tasks, {worst}; it holds where the self-rank is below "
            f"half a place at all of them. There by other scores: {others}."
        )
        return Verdict(telling.all_of(*words), f"self-rank {found[worst]}", why)

    return judge


def self_rank_rises(learner: str) -> Judge:
    """Whether self-ranks get worse with the number of tasks, at fixed ratio."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        steps = cells[0]["sweeps"]["fixed ratio"]

        def at(by: str) -> Callable[[str], list[float]]:
            return lambda a: self_ranks(cells, learner, a, by)

        got = _along(cells, steps, 1, at(GN))
        others = ", ".join(f"{by}: {_along(cells, steps, 1, at(by))}" for by in (DOT, RUN))
        ends = ", ".join(f"{_ranks(cells, learner, a, GN)} with {a}" for a in _ends(steps))
        why = (
            f"One correlation a seed over {', '.join(steps)} tasks, 0 where ranks never move. Self-rank "
            f"{ends}. By other scores: {others}."
        )
        return Verdict(telling.above(got), f"correlation {got}", why)

    return judge


def less_severe(cells: Sequence[Cell]) -> Verdict:
    """Whether prototypes lose less accuracy on new tasks than MAML does with fewer training tasks."""
    least, most = _ends(cells[0]["sweeps"]["fixed noise"])
    lost = {
        learner: [c[learner][most]["test"] - c[learner][least]["test"] for c in cells]
        for learner in ("MAML", "prototypes")
    }
    gap = paired(lost["MAML"], lost["prototypes"])
    own = "; ".join(f"{n} loses {interval(v)}" for n, v in lost.items())
    return Verdict(telling.above(gap), f"difference {gap}", f"From {most} to {least} tasks {own}.")


def _ends(steps: Sequence[str]) -> tuple[str, str]:
    return steps[0], steps[-1]


def _ranks(cells: Sequence[Cell], learner: str, at: str, by: str) -> Interval:
    return interval(self_ranks(cells, learner, at, by))


def _along(
    cells: Sequence[Cell], steps: Sequence[str], sign: int, at: Callable[[str], list[float]]
) -> Interval:
    """Of rank correlations with the place in the sweep, one a seed."""
    rows = zip(*(at(a) for a in steps), strict=True)
    return interval([sign * rank_agreement(range(len(steps)), list(r)) for r in rows])
