"""Equation 9 of 002: the influence of a task with its rotated copies, held against removing them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.kept import reruns
from metainfl.experiments.paper_002.mixed import REGIMES, flat, mixed, trained
from metainfl.experiments.paper_002.noise_scores import DOT, GN, RUN, at_the_end, called, summed
from metainfl.metrics.intervals import interval, paired, rank_agreement
from metainfl.problem.perturbation import group, task
from metainfl.training import objective

REGIME = "4 angles"
#: groups that are removed for real; those whose copies are removed one by one, too
REMOVED, APART = 8, 2
SIZES: dict[str, int] = {"tasks": 24, "tests": 8, "steps": 200}
COPY = f"{RUN}, one copy"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """How scores of groups agree with real removals, and how far removals of copies add up."""
    m = mixed(size, seed, data, **(SIZES if size == "small" else {}))
    run, copies = trained(m, "MAML", REGIME)
    tests, places = flat(m, m.tests.select(range(8))), copies.tolist()
    chosen = [round(v) for v in np.linspace(0, m.tasks.n_tasks - 1, REMOVED).tolist()]
    members = [[task(k) for k, g in enumerate(places) if g == own] for own in chosen]
    every = [task(k) for k in range(len(places))]
    exact = -run.scores(tests, every).value
    scores = {n: summed(s, copies)[chosen] for n, s in at_the_end(objective(run), tests).items()}
    scores[RUN] = summed(exact, copies)[chosen]
    scores[COPY] = exact[[own[0].task for own in members]]

    end = run.problem()
    before = end.losses(end.lam, tests)
    singles = [p for own in members[:APART] for p in own]
    lams = reruns(run, [*(group(own) for own in members), *singles])
    changes = [end.losses(lam, tests) - before for lam in lams]
    real, alone = changes[:REMOVED], changes[REMOVED:]
    n = REGIMES[REGIME][0]
    added = [sum(alone[i * n + 1 : (i + 1) * n], alone[i * n]) for i in range(APART)]
    gap = sum(float((a - b).square().sum()) for a, b in zip(added, real[:APART], strict=True))
    whole = sum(float(b.square().sum()) for b in real[:APART])
    columns = [[float(r[t]) for r in real] for t in range(tests.n_tasks)]
    return {
        "groups": m.tasks.n_tasks,
        "agreement": {name: _agreement(s, columns) for name, s in scores.items()},
        "size": float((scores[RUN].flatten() @ _flat(real)) / (_flat(real) @ _flat(real))),
        "sum": (gap / whole) ** 0.5 if whole else 0.0,
    }


def _flat(changes: Sequence[Tensor]) -> Tensor:
    """Changes (groups, tests) in a row."""
    return changes[0].new_tensor([c.tolist() for c in changes]).flatten()


def _agreement(scores: Tensor, columns: Sequence[Sequence[float]]) -> float:
    """Mean over tests of the rank correlation with what removals did."""
    pairs = zip(scores.T.tolist(), columns, strict=True)
    return float(np.mean([rank_agreement(a, b) for a, b in pairs]))


def _of(cells: Sequence[Cell], name: str) -> list[float]:
    return [c["agreement"][name] for c in cells]


def predicts(name: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether scores of groups agree with their removals better than by chance."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        known = cells[0]["agreement"]
        got = interval(_of(cells, called(name, known)))
        others = ", ".join(
            f"{n}: {interval(_of(cells, n))}" for n in known if n != called(name, known)
        )
        why = (
            f"Mean rank correlation over tests with training again without each of {REMOVED} groups, 0 by "
            f"chance. By other scores: {others}."
        )
        if name == RUN:
            size = interval([c["size"] for c in cells])
            why += (
                f" The derivative is exact, and its size is {size} of what removal does (slope; 1 where the "
                "run is linear so far): a run of Adam need not be."
            )
        return Verdict(telling.above(got), f"correlation {got}", why)

    return judge


def better_than_one(cells: Sequence[Cell]) -> Verdict:
    """Whether a group's score says more of its removal than the score of its first copy alone."""
    gap = paired(_of(cells, RUN), _of(cells, COPY))
    why = f"By the run's derivative: {interval(_of(cells, RUN))} against {interval(_of(cells, COPY))}."
    return Verdict(telling.above(gap), f"difference {gap}", why)


def adds_up(cells: Sequence[Cell]) -> Verdict:
    """Whether what the removal of all copies does is the sum of what each one's does, within a tenth."""
    got = interval([c["sum"] for c in cells])
    why = (
        "Root of the mean square of sum minus group, over that of the group; a tenth is our line. As a "
        "derivative it adds up exactly."
    )
    return Verdict(telling.below(got, 0.1), f"relative difference {got}", why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Agreement by score."""
    rows = [
        {"score of the group": n, "correlation": str(interval(_of(cells, n)))}
        for n in cells[0]["agreement"]
    ]
    words = "Mean rank correlation of scores of groups with training again without the group"
    return [Table("groups", words, rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Agreement by score."""
    names = list(cells[0]["agreement"])
    mean = [interval(_of(cells, n)) for n in names]
    axes.errorbar([m.mean for m in mean], range(len(names)), xerr=[m.half for m in mean], fmt="o")
    axes.axvline(0, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("rank correlation with real removals of rotated groups")


EXPERIMENT = Experiment(
    "002-groups",
    "002",
    "Equation 9, section 4.1",
    "Influence of a task with its rotated copies, beside training again without them.",
    cell,
    (
        Claim("equation 9", "scores of groups, sums over copies, agree at all with removals of the groups "
              "(Gauss-Newton)", "not tried", predicts(GN), "dot product, the run's derivative, one copy"),
        Claim("not in the paper", "the same by the exact derivative of the run", "not compared",
              predicts(RUN), "dot product, Gauss-Newton, one copy"),
        Claim("not in the paper", "the same by the dot product of gradients", "not compared",
              predicts(DOT), "the run's derivative, Gauss-Newton, one copy"),
        Claim("section 4.1", "the group's influence is of interest, not that of one deformed task",
              "in words", better_than_one, "one copy"),
        Claim("equation 9", "removals of copies add up to the group's removal", "exact for a derivative",
              adds_up),
    ),
    tables,
    figure,
)  # fmt: skip
