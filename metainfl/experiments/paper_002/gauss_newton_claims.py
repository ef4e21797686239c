"""How scores by the exact Hessian and by Gauss-Newton are judged: means over numbers of tasks, by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Verdict
from metainfl.experiments.paper_002.gauss_newton_scores import DOT, KEPT, RUN
from metainfl.metrics.intervals import interval, paired


def each(of: Callable[[Any], float]) -> Callable[[Sequence[Cell]], list[float]]:
    """Of every cell, the mean over its numbers of tasks."""
    return lambda cells: [float(np.mean([of(t) for t in c.values()])) for c in cells]


def _beside(name: str) -> Callable[[Any], float]:
    """The mean over H's eigenvalues, against a score without a matrix."""
    return lambda t: float(np.mean(list(t["beside"][name].values())))


def _mean(pairs: Iterable[tuple[int, int]]) -> Callable[[Any], float]:
    of = list(pairs)
    return lambda t: float(np.mean([t["pairs"][f"{a}/{b}"] for a, b in of]))


def _diagonal(t: Any) -> float:
    """The share of the diagonal whose elements are the largest of row and of column."""
    return float(np.mean([_largest(t, n) for n in KEPT]))


def _largest(t: Any, n: int) -> bool:
    cross = [(a, b) for a in KEPT for b in KEPT if n in (a, b)]
    return all(t["pairs"][f"{a}/{b}"] <= t["pairs"][f"{n}/{n}"] for a, b in cross)


def diagonal(cells: Sequence[Cell]) -> Verdict:
    """Whether scores agree best where as many directions are inverted in both: most of the diagonal."""
    share = interval(each(_diagonal)(cells))
    same = each(_mean((a, a) for a in KEPT))(cells)
    others = each(_mean((a, b) for a in KEPT for b in KEPT if a != b))(cells)
    dot, run = (paired(same, each(_beside(by))(cells)) for by in (DOT, RUN))
    why = (
        f"Of {len(KEPT)} on the diagonal, the largest of row and column; means over {_amounts(cells)} tasks. "
        f"There the correlation is {interval(same)}, above that beside it by {paired(same, others)}; that of "
        f"the exact Hessian's scores with the plain dot product is lower by {dot}, with the run's derivative "
        f"by {run}."
    )
    return Verdict(telling.above(share, 0.5), f"share of the diagonal {share}", why)


def weaker(cells: Sequence[Cell]) -> Verdict:
    """Whether correlations are weaker where most is inverted than where least is, in both matrices."""
    most, least = KEPT[0], KEPT[-1]
    rows = [each(_mean([(n, b) for b in KEPT]))(cells) for n in (least, most)]
    columns = [each(_mean([(a, n) for a in KEPT]))(cells) for n in (least, most)]
    gaps = {"of H": paired(*rows), "of Gauss-Newton": paired(*columns)}
    ours = "; ".join(f"{n} {g}" for n, g in gaps.items())

    def alone(by: str, n: int) -> list[float]:
        return each(lambda t: float(t["beside"][by][str(n)]))(cells)

    dot, run = (paired(*(alone(by, n) for n in (least, most))) for by in (DOT, RUN))
    why = (
        f"Mean correlations with {least} directions, less those with {most}, over {_amounts(cells)} tasks. "
        f"Those of H with the plain dot product: {dot}; with the derivative of the run: {run}."
    )
    return Verdict(telling.all_of(*(telling.above(g) for g in gaps.values())), ours, why)


def agree(cells: Sequence[Cell]) -> Verdict:
    """Whether the approximation gives the exact method's scores, correlation above 0.9."""
    got = interval(each(_mean([(64, 64)]))(cells))
    why = (
        "64 eigenvalues of H against 64 of the Gauss-Newton matrix; 1 would be the same ranking, and the "
        "line is ours: above 0.9. By number of tasks: "
        f"{_by_amount(cells, _mean([(64, 64)]))}."
    )
    for n, words in ((DOT, "the plain dot product"), (RUN, "the derivative of the run")):
        beside = each(lambda t, n=n: float(t["beside"][n]["64"]))(cells)  # type: ignore[misc]
        why += f" Those of H agree with {words} by {interval(beside)}."
    return Verdict(telling.above(got, 0.9), f"correlation {got}", why)


def truth(cells: Sequence[Cell]) -> Verdict:
    """Whether the undamped exact inverse says what the run's derivative says."""
    rest = {n: interval(each(partial(with_run, n))(cells)) for n in first(cells)["run"]}
    got, best = rest["exact"], max(rest, key=lambda n: rest[n].mean)
    why = (
        "Rank correlation with the run's derivative, which is exact; the line is ours: above 0.5. By number "
        "of tasks: "
        f"{_by_amount(cells, partial(with_run, 'exact'))}. Best is {best}: {rest[best]}."
    )
    return Verdict(telling.above(got, 0.5), f"correlation {got}", why)


def with_run(name: str, t: Any) -> float:
    """Correlation of a treatment with the run's derivative, at one number of tasks."""
    return float(t["run"][name])


def first(cells: Sequence[Cell]) -> Any:
    """What a cell has at its smallest number of tasks."""
    return next(iter(cells[0].values()))


def _amounts(cells: Sequence[Cell]) -> str:
    return ", ".join(cells[0])


def _by_amount(cells: Sequence[Cell], of: Callable[[Any], float]) -> str:
    return "; ".join(f"{n}: {interval([of(c[n]) for c in cells])}" for n in cells[0])
