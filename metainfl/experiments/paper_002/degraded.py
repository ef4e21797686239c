"""Tables 1 and 3, Figure 4 of 002: ranks and scores as the test task is darkened away from its twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.degraded_scores import (
    DOT,
    KINDS,
    LEVELS,
    RUN,
    SHOWN,
    WHAT,
    cell,
    values,
)
from metainfl.metrics.intervals import interval, paired


def worse(kind: str, what: str, name: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether ranks rise (get worse) and scores fall with degradation."""
    sign = 1 if what == "rank" else -1

    def judge(cells: Sequence[Cell]) -> Verdict:
        got = interval([sign * v for v in values(cells, kind, name, what)])
        why = "Counted so that positive is as claimed."
        for n, words in ((DOT, "plain dot product"), (RUN, "derivative of the run")):
            if n != name:
                beside = interval([sign * v for v in values(cells, kind, n, what)])
                why += f" The {words} has {beside}."
        if what == "rank":
            moved = interval(values(cells, kind, name, "moved"))
            why += f" Ranks moved at all in {moved} tests."
        return Verdict(telling.above(got), f"correlation {got}", why)

    return judge


def pruning_helps(cells: Sequence[Cell]) -> Verdict:
    """Whether all four correlations are stronger with pruning."""
    signs = {"rank": 1, "score": -1}
    gaps = {
        f"{what} with {kind}": paired(
            *(
                [signs[what] * v for v in values(cells, kind, n, what)]
                for n in ("pruned, 64", "exact")
            )
        )
        for kind in KINDS
        for what in WHAT
    }
    why = (
        "Counted so that positive is stronger: 64 eigenvalues kept, minus all of them. It holds where all "
        "four columns do."
    )
    for n, words in ((DOT, "plain dot product"), (RUN, "derivative of the run")):
        beside = (
            f"{what} {interval([signs[what] * v for v in values(cells, kind, n, what)])}"
            for kind in KINDS
            for what in WHAT
        )
        why += f" In that order the {words} has {'; '.join(beside)}."
    ours = "; ".join(f"{n} {g}" for n, g in gaps.items())
    return Verdict(telling.all_of(*(telling.above(g) for g in gaps.values())), ours, why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Correlations by treatment, as Table 1 has them."""
    rows = []
    for name in cells[0]["darkness"]:
        row: dict[str, Any] = {"treatment": name}
        for kind in KINDS:
            for what in WHAT:
                row[f"{what} with {kind}"] = str(interval(values(cells, kind, name, what)))
        rows.append(row)
    return [Table("degraded", "Mean rank correlations over test tasks (rank: positive, score: negative as "
                  "claimed)", rows)]  # fmt: skip


def example(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 4: one test's twin, its rank and its score as the test is darkened."""
    from metainfl.report.style import line, panels

    for side, kind in zip(panels(axes, 2), KINDS, strict=True):
        shown, right = cells[0]["example"][kind], side.twinx()
        line(side, LEVELS, shown["rank"], "rank (left)", 0)
        line(right, LEVELS, shown["score"], "score (right)", 1)
        right.grid(False)
        side.set_xlabel(kind)
        side.set_ylim(-0.5, max(shown["rank"]) + 1.5)
        side.set_title(f"{SHOWN}: {kind}")
        side.legend(handles=[side.lines[0], right.lines[0]], fontsize=7)


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Correlation of self-scores with darkness and ratio."""
    names = list(cells[0]["darkness"])
    for i, kind in enumerate(KINDS):
        mean = [interval(values(cells, kind, n, "score")) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [m.mean for m in mean], y, xerr=[m.half for m in mean], fmt="os"[i], label=kind
        )
    axes.axvline(0, linestyle=":", color="0.5")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("correlation of the score of the twin with degradation (-1: falls)")
    axes.legend()


BESIDE = "dot product, the run's derivative"
EXPERIMENT = Experiment(
    "002-degraded",
    "002",
    "Tables 1 and 3, Figure 4, section 5.1",
    "Ranks and scores of the identical training task as the test task is darkened.",
    cell,
    (
        Claim("Tables 1 and 3", "scores of the twin fall with darkness (64 eigenvalues)", "a correlation",
              worse("darkness", "score", "pruned, 64"), BESIDE),
        Claim("Tables 1 and 3", "scores of the twin fall with the share of dark images (64 eigenvalues)",
              "a correlation", worse("ratio", "score", "pruned, 64"), BESIDE),
        Claim("Tables 1 and 3", "ranks of the twin get worse with darkness (64 eigenvalues)", "a correlation",
              worse("darkness", "rank", "pruned, 64"), BESIDE),
        Claim("Tables 1 and 3", "ranks of the twin get worse with the share of dark images (64 eigenvalues)",
              "a correlation", worse("ratio", "rank", "pruned, 64"), BESIDE),
        Claim("section 5.1, appendix B.2.1", "pruning makes these correlations stronger", "in words; on "
              "Omniglot to some extent", pruning_helps, BESIDE),
        Claim("not in the paper", "the run's derivative gives the twin a score that falls with darkness",
              "not compared", worse("darkness", "score", RUN), "dot product"),
        Claim("not in the paper", "the dot product gives the twin a score that falls with darkness",
              "not compared", worse("darkness", "score", DOT), "the run"),
    ),
    tables,
    figure,
    version=3,
    figures={"4": example},
)  # fmt: skip
