"""Tables 1 and 3, Figure 3 of 002: where the training task that is the test task ranks (0: first)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.self_rank_figures import SHOWN, distribution, eigenvalues
from metainfl.experiments.paper_002.treatments import Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.detection import self_rank
from metainfl.metrics.intervals import interval, paired
from metainfl.problem.perturbation import task

TASKS, HIDDEN = 64, 8
DOT, RUN = SHOWN[-2:]


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """The mean self-rank over test tasks, by treatment; of how many tasks, with how many below zero."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    run = s.trained()
    treated, tests = Treatments(run), s.tasks.select(range(s.tests))
    scores = {n: v.T.tolist() for n, v in treated.scores(tests).items()}
    asked = [task(k) for k in range(s.tasks.n_tasks)]
    scores[RUN] = (-run.scores(tests, asked).value).T.tolist()
    places = {n: [self_rank(column, t) for t, column in enumerate(v)] for n, v in scores.items()}
    return {
        "tasks": s.tasks.n_tasks,
        "parameters": run.program.problem.n_meta,
        "negative": treated.negative,
        "ranks": {n: float(np.mean(v)) for n, v in places.items()},
        "places": {n: places[n] for n in SHOWN},
        "example": {n: _short(scores[n][0]) for n in SHOWN},  # of the first test, its twin first
        "eigenvalues": _short(treated.spectrum[0].flip(0).tolist()),
    }


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{v:.4g}") for v in values]


def _ranks(cells: Sequence[Cell], name: str) -> list[float]:
    return [c["ranks"][name] for c in cells]


def first(name: str, others: Sequence[str] = ()) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the mean self-rank is below half a place; beside it those of other treatments."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        got, n = interval(_ranks(cells, name)), cells[0]["tasks"]
        dot, run = (interval(_ranks(cells, beside)) for beside in (DOT, RUN))
        why = (
            f"First is below half a place, our line; chance is {(n - 1) / 2:g} of {n}. The plain dot product "
            f"of gradients has {dot}, the derivative of the run {run}."
        )
        why += "".join(f" With {n}: {interval(_ranks(cells, n))}." for n in others)
        word = telling.below(got, 0.5)
        return Verdict(word, f"self-rank {got}", why)

    return judge


def unstable(cells: Sequence[Cell]) -> Verdict:
    """Whether the exact inverse ranks worse than the pruned one."""
    gap = paired(_ranks(cells, "exact"), _ranks(cells, "pruned, all"))
    below = interval([c["negative"] for c in cells])
    why = (
        f"{below} of {cells[0]['parameters']} eigenvalues are negative: the run ends at no minimum."
    )
    word = telling.above(gap)
    return Verdict(word, f"difference {gap} places", why)


def run_first(cells: Sequence[Cell]) -> Verdict:
    """Whether the run's derivative, which is exact, ranks the same task first."""
    got = interval(_ranks(cells, RUN))
    why = (
        "What removal would do is no statement about likeness: another task may help a task more than itself "
        "does, where batches, order and rate say so."
    )
    word = telling.below(got, 0.5)
    return Verdict(word, f"self-rank {got}", why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Mean self-ranks."""
    rows = [
        {"treatment": n, "self-rank": str(interval(_ranks(cells, n)))} for n in cells[0]["ranks"]
    ]
    return [Table("self-rank", "Mean self-rank of the test tasks; 0 is first", rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Self-ranks by treatment."""
    names = list(cells[0]["ranks"])
    mean = [interval(_ranks(cells, n)) for n in names]
    axes.errorbar([m.mean for m in mean], range(len(names)), xerr=[m.half for m in mean], fmt="o")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("mean self-rank (0: the identical task is first)")


EXPERIMENT = Experiment(
    "002-self-rank",
    "002",
    "Tables 1 and 3, Figures 3 and 7, section 5.1",
    "Whether the training task that is the test task ranks first, by treatment of the Hessian.",
    cell,
    (
        Claim("section 5.1", "with the exact Hessian the identical task is not always first: negative "
              "eigenvalues spoil the ranks", "92 of 1,285 and 428 of 1,413 negative", unstable),
        Claim("Tables 1 and 3, second rows", "with the negative eigenvalues set to zero it is first",
              "consistently first", first("pruned, all"), "dot product, the run's derivative"),
        Claim("Tables 1 and 3", "with 64 eigenvalues kept it is first", "consistently first",
              first("pruned, 64", ("pruned, 256", "pruned, 16")), "dot product, the run's derivative"),
        Claim("appendix B.3, Figure 8", "with the Gauss-Newton matrix it is first",
              "perfectly, for a convolutional network; a figure",
              first("Gauss-Newton, 64", ("Gauss-Newton, 256", "Gauss-Newton, 16")),
              "dot product, the run's derivative"),
        Claim("not in the paper", "the exact derivative of the run ranks it first as well", "not compared",
              run_first),
    ),
    tables,
    figure,
    version=3,
    figures={"3": distribution, "7": eigenvalues},
)  # fmt: skip
