"""How cells of noise among real tasks are judged: shares of tests in proper order, and what moves them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Verdict
from metainfl.experiments.paper_002.noise_scores import DOT, GN, RUN, shares, tried
from metainfl.metrics.intervals import interval, paired, rank_agreement

Judge = Callable[[Sequence[Cell]], Verdict]


def most(where: str, sign: int = 1, what: str = "mean") -> Judge:
    """Whether more than half of the tests are in proper order (`sign` -1: fewer)."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        got = interval(shares(cells, where, GN, what))
        others = ", ".join(
            f"{by}: {interval(shares(cells, where, by, w))}" for by, w in _beside(what)
        )
        train, test = (interval([c[where][k] for c in cells]) for k in ("train", "test"))
        low, high = (got.low, got.high) if sign > 0 else (1 - got.high, 1 - got.low)
        word = telling.told(low > 0.5, high < 0.5)
        why = f"Accuracy {train} in training, {test} on tests. Share by other scores: {others}."
        return Verdict(word, f"share in proper order {got}", why)

    return judge


def rises(where: str) -> Judge:
    """Whether the share rises from the plain regime to another, seed by seed."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(shares(cells, where), shares(cells, "plain"))
        gain = paired(*([c[w]["test"] for c in cells] for w in (where, "plain")))
        others = ", ".join(
            f"{by}: {paired(shares(cells, where, by), shares(cells, 'plain', by))}"
            for by in (DOT, RUN)
        )
        why = f"Accuracy on tests changes by {gain}. By other scores: {others}."
        return Verdict(telling.above(gap), f"difference {gap}", why)

    return judge


def trend(kind: str, what: str = "mean") -> Judge:
    """Whether the share rises with the number of angles, or with the decay: a rank correlation a seed."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        steps = ["plain", *(n for n in tried(cells) if kind in n)]

        def along(by: str, w: str = "mean") -> list[float]:
            each = zip(*(shares(cells, n, by, w) for n in steps), strict=True)
            return [rank_agreement(range(len(steps)), list(v)) for v in each]

        got = interval(along(GN, what))
        others = ", ".join(f"{by}: {interval(along(by, w))}" for by, w in _beside(what))
        why = f"Over {', '.join(steps)}; one correlation a seed. By other scores: {others}."
        return Verdict(telling.above(got), f"correlation {got}", why)

    return judge


def fitted(cells: Sequence[Cell]) -> Verdict:
    """Whether the share falls with training accuracy, over regimes: a rank correlation a seed."""
    names = tried(cells)

    def against(by: str, accuracy: str) -> list[float]:
        return [
            rank_agreement([c[r][accuracy] for r in names], [shares([c], r, by)[0] for r in names])
            for c in cells
        ]

    got = interval([-v for v in against(GN, "train")])
    others = ", ".join(f"{by}: {interval([-v for v in against(by, 'train')])}" for by in (DOT, RUN))
    tests = interval(against(GN, "test"))
    why = (
        f"Over {len(names)} regimes; counted so that positive is as claimed. With the accuracy on tests "
        f"the share has {tests}. By other scores: {others}."
    )
    return Verdict(telling.above(got), f"correlation {got}", why)


def independent(cells: Sequence[Cell]) -> Verdict:
    """Whether counts scatter over seeds as independent tests would: what a binomial p-value assumes."""
    n, parts = cells[0]["tests"], []
    for regime in tried(cells):
        x = np.array(shares(cells, regime))
        spread = max(x.mean() * (1 - x.mean()), 1 / n) / n
        parts.append((x - x.mean()) ** 2 / spread * len(x) / max(len(x) - 1, 1))
    ratio = interval(np.mean(parts, axis=0).tolist())  # regimes of a seed move together
    level = [math.log(max(float(v), 1e-12)) for v in np.mean(parts, axis=0)]
    above = interval(level).low > 0
    word = telling.told(ratio.low <= 1 and ratio.high < 1.5 and not above, ratio.low > 1 and above)
    why = (
        "Tests share one network, and their scores one draw of noise tasks: another seed moves all of them, "
        "so that a p-value over tests of one training need not be one of the training. Holds is taken as "
        "at most half as much again; that it does not, where the mean of the logarithms is above 0 as well, "
        "for a variance is skewed. Regimes of one seed share their tasks, so they are averaged; seeds "
        "share the means that they are compared with."
    )
    ours = f"variance over seeds {ratio}, times the binomial's"
    return Verdict(word, ours, why)


def _beside(what: str) -> list[tuple[str, str]]:
    """The other scores; the run's derivative is known of means alone."""
    return [(DOT, what)] + ([(RUN, what)] if what == "mean" else [])
