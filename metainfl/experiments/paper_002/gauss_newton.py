"""Tables 17 to 21 of 002: scores by the exact Hessian against scores by the Gauss-Newton matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.treatments import KEPT, Treatments
from metainfl.experiments.settings import SPECTRUM, setting
from metainfl.metrics.intervals import interval, paired, rank_agreement
from metainfl.problem.perturbation import task

TASKS, HIDDEN = 64, 8
DOT, RUN = "dot product", "derivative of the run"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Mean rank correlation over new test tasks of every pair, and of each with the run's derivative."""
    s = setting(size, seed, data, paper=SPECTRUM, tasks=TASKS, hidden=HIDDEN)
    run = s.trained()
    tests = s.new.select(range(s.tests))
    scores = {n: v.T.tolist() for n, v in Treatments(run).scores(tests).items()}
    asked = [task(k) for k in range(s.tasks.n_tasks)]
    scores[RUN] = (-run.scores(tests, asked).value).T.tolist()

    def mean(a: str, b: str) -> float:
        return float(
            np.mean([rank_agreement(x, y) for x, y in zip(scores[a], scores[b], strict=True)])
        )

    return {
        "pairs": {
            f"{a}/{b}": mean(f"pruned, {a}", f"Gauss-Newton, {b}") for a in KEPT for b in KEPT
        },
        "beside": {n: {f"{a}": mean(f"pruned, {a}", n) for a in KEPT} for n in (DOT, RUN)},
        "run": {n: mean(n, RUN) for n in scores if n != RUN},
    }


def _mean(c: Cell, pairs: Iterable[tuple[int, int]]) -> float:
    return float(np.mean([c["pairs"][f"{a}/{b}"] for a, b in pairs]))


def _largest(c: Cell, n: int) -> bool:
    """Whether an element of the diagonal is the largest of its row and of its column."""
    cross = [(a, b) for a in KEPT for b in KEPT if n in (a, b)]
    return all(c["pairs"][f"{a}/{b}"] <= c["pairs"][f"{n}/{n}"] for a, b in cross)


def diagonal(cells: Sequence[Cell]) -> Verdict:
    """Whether scores agree best where as many directions are inverted in both: most of the diagonal."""
    share = interval([float(np.mean([_largest(c, n) for n in KEPT])) for c in cells])
    same = [_mean(c, [(a, a) for a in KEPT]) for c in cells]
    got = interval(same)
    gap = paired(same, [_mean(c, [(a, b) for a in KEPT for b in KEPT if a != b]) for c in cells])
    dot = paired(same, [float(np.mean(list(c["beside"][DOT].values()))) for c in cells])
    run = paired(same, [float(np.mean(list(c["beside"][RUN].values()))) for c in cells])
    why = (
        f"Of {len(KEPT)} on the diagonal, the largest of row and column. There the correlation is {got}, "
        f"above that beside it by {gap}; that of the exact Hessian's scores with the plain dot "
        f"product is lower by {dot}, with the run's derivative by {run}."
    )
    return Verdict(telling.above(share, 0.5), f"share of the diagonal {share}", why)


def weaker(cells: Sequence[Cell]) -> Verdict:
    """Whether correlations are weaker where most is inverted than where least is, in both matrices."""
    most, least = KEPT[0], KEPT[-1]
    rows = [[_mean(c, [(n, b) for b in KEPT]) for c in cells] for n in (least, most)]
    columns = [[_mean(c, [(a, n) for a in KEPT]) for c in cells] for n in (least, most)]
    gaps = {"of H": paired(*rows), "of Gauss-Newton": paired(*columns)}
    ours = "; ".join(f"{n} {g}" for n, g in gaps.items())
    dot, run = (
        paired(*([c["beside"][by][str(n)] for c in cells] for n in (least, most)))
        for by in (DOT, RUN)
    )
    why = (
        f"Mean correlations with {least} directions, less those with {most}. Those of H with the plain dot "
        f"product: {dot}; with the derivative of the run: {run}."
    )
    return Verdict(telling.all_of(*(telling.above(g) for g in gaps.values())), ours, why)


def agree(cells: Sequence[Cell]) -> Verdict:
    """Whether the approximation gives the exact method's scores, correlation above 0.9."""
    got = interval([c["pairs"]["64/64"] for c in cells])
    why = "64 eigenvalues of H against 64 of the Gauss-Newton matrix; 1 would be the same ranking."
    for n, words in ((DOT, "the plain dot product"), (RUN, "the derivative of the run")):
        why += (
            f" Those of H agree with {words} by {interval([c['beside'][n]['64'] for c in cells])}."
        )
    word = telling.above(got, 0.9)
    return Verdict(word, f"correlation {got}", why)


def truth(cells: Sequence[Cell]) -> Verdict:
    """Whether the undamped exact inverse says what the run's derivative says."""
    got = interval([c["run"]["exact"] for c in cells])
    rest = {n: interval([c["run"][n] for c in cells]) for n in cells[0]["run"]}
    best = max(rest, key=lambda n: rest[n].mean)
    why = (
        f"Rank correlation with the run's derivative, which is exact. Best is {best}: {rest[best]}."
    )
    word = telling.above(got, 0.5)
    return Verdict(word, f"correlation {got}", why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """The square of pairs, and each treatment against the run."""
    square = []
    for a in KEPT:
        row: dict[str, Any] = {"eigenvalues of H": a}
        for b in KEPT:
            row[f"Gauss-Newton, {b}"] = str(interval([c["pairs"][f"{a}/{b}"] for c in cells]))
        for n in (DOT, RUN):
            row[n] = str(interval([c["beside"][n][str(a)] for c in cells]))
        square.append(row)
    own = [
        {"treatment": n, "correlation": str(interval([c["run"][n] for c in cells]))}
        for n in cells[0]["run"]
    ]
    return [
        Table("pairs", "Rank correlation of scores, exact against approximate", square),
        Table("run", "Rank correlation with the derivative of the run", own),
    ]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Each treatment against the run's derivative."""
    names = list(cells[0]["run"])
    mean = [interval([c["run"][n] for c in cells]) for n in names]
    axes.errorbar([m.mean for m in mean], range(len(names)), xerr=[m.half for m in mean], fmt="o")
    axes.set_yticks(range(len(names)), names)
    axes.axvline(0, linestyle=":", color="0.5")
    axes.set_xlabel("rank correlation with the derivative of the run")


EXPERIMENT = Experiment(
    "002-gauss-newton",
    "002",
    "Tables 17 to 21, appendix B.5",
    "Scores by the exact Hessian, by the Gauss-Newton matrix, and by the training run itself.",
    cell,
    (
        Claim("appendix B.5", "scores agree best where as many directions count as not flat in both", "most "
              "diagonal elements are the largest", diagonal, "dot product, the run"),
        Claim("appendix B.5", "the approximation gives nearly the exact method's scores", "correlations in "
              "Tables 17 to 21; in words alone, that larger networks may have larger ones", agree,
              "dot product, the run"),
        Claim("appendix B.5", "scores agree less where more directions are inverted", "weaker for more "
              "eigenvalues and larger buffers", weaker, "dot product, the run"),
        Claim("not in the paper", "the exact inverse at the end of training says what the training run says",
              "not compared", truth, "every treatment"),
    ),
    tables,
    figure,
    version=2,
)  # fmt: skip
