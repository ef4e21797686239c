"""Figure 8 and appendix B.3 of 002: self-ranks of a convolutional network, and what a buffer can express."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.convolution_scores import BUFFERS, DOT, RUN, WIDE, cell
from metainfl.experiments.paper_002.mixed import LEARNERS
from metainfl.metrics.intervals import interval


def buffer_of(cells: Sequence[Cell]) -> str:
    """The score that stands for the paper's: from the middle buffer, or its 1,024 columns."""
    wide = f"buffer of {WIDE}"
    return wide if wide in cells[0][LEARNERS[0]]["ranks"] else f"buffer of {BUFFERS[1]}"


def _ranks(cells: Sequence[Cell], learner: str, name: str) -> list[float]:
    return [c[learner]["ranks"][name] for c in cells]


def first(learner: str, score: str | None = None) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the mean self-rank is below half a place."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        name = score or buffer_of(cells)
        got, n = interval(_ranks(cells, learner, name)), cells[0]["tasks"]
        beside = {
            k: interval(_ranks(cells, learner, k)) for k in cells[0][learner]["ranks"] if k != name
        }
        each = "; ".join(f"{k} {v}" for k, v in beside.items())
        why = f"First is below half a place, our line; chance is {(n - 1) / 2:g} of {n}. Beside: {each}."
        word = telling.below(got, 0.5)
        return Verdict(word, f"self-rank {got}", why)

    return judge


def expressive(cells: Sequence[Cell]) -> Verdict:
    """Whether a buffer that saw tasks pass scores as the leading directions that it stands for."""
    if not cells[0][LEARNERS[0]]["agreement"]:
        return Verdict(
            UNTOLD, "-", "All columns, which it is held against, do not fit into memory here."
        )
    n = str(BUFFERS[1])
    got = {k: interval([c[k]["agreement"][n] for c in cells]) for k in LEARNERS}
    low, high = min(v.low for v in got.values()), min(v.high for v in got.values())
    word = telling.told(low > 0.9, high < 0.9)
    ours = "; ".join(f"{k} {v}" for k, v in got.items())
    why = f"Rank agreement with the {n} leading directions of all columns; 0.9 is our line, not the paper's."
    return Verdict(word, ours, why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Self-ranks by score, agreement by size of the buffer."""
    ranks = [
        {"score": n, **{k: str(interval(_ranks(cells, k, n))) for k in LEARNERS}}
        for n in cells[0][LEARNERS[0]]["ranks"]
    ]
    agree = [
        {
            "buffer": str(n),
            **{k: str(interval([c[k]["agreement"][str(n)] for c in cells])) for k in LEARNERS},
        }
        for n in BUFFERS
        if cells[0][LEARNERS[0]]["agreement"]
    ]
    return [
        Table("self-rank", "Mean self-rank of the test tasks; 0 is first", ranks),
        Table(
            "buffer",
            "Rank agreement of a buffer's scores with those of the leading directions",
            agree,
        ),
    ]


def distribution(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 8: how many tests have which self-rank, over all seeds."""
    from metainfl.report.style import COLOURS, panels

    names = (buffer_of(cells), DOT, RUN)
    for side, learner in zip(panels(axes, len(LEARNERS)), LEARNERS, strict=True):
        for i, name in enumerate(names):
            places = [p for c in cells for p in c[learner]["places"][name]]
            values = sorted(set(places))
            shares = [places.count(v) / len(places) for v in values]
            side.scatter(values, shares, color=COLOURS[i], marker="os^"[i], label=name)
        side.set_title(learner)
        side.set_xlabel("self-rank")
        side.set_ylabel("share of tests")
        side.legend(fontsize=7)


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Self-ranks by score and learner."""
    names = list(cells[0][LEARNERS[0]]["ranks"])
    for i, learner in enumerate(LEARNERS):
        mean = [interval(_ranks(cells, learner, n)) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [v.mean for v in mean], y, xerr=[v.half for v in mean], fmt="os"[i], label=learner
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("mean self-rank (0: the identical task is first)")
    axes.legend()


BESIDE = "dot product, the run's derivative, all columns"
EXPERIMENT = Experiment(
    "002-convolution",
    "002",
    "Figure 8, appendix B.3",
    "Self-ranks of a convolutional network from a buffer of columns, and what the buffer can express.",
    cell,
    (
        Claim("Figure 8", "with a buffer of columns the identical task is first (MAML, convolutional "
              "network, no noise among the tasks)", "perfectly: 1,024 columns, 121,093 parameters "
              "(Mini-ImageNet, a figure)", first("MAML"), BESIDE),
        Claim("as Figure 8", "with a buffer of columns the identical task is first (prototypes, "
              "convolutional network, no noise among the tasks)",
              "0.00 (Mini-ImageNet with noise, Table 13)",
              first("prototypes"), BESIDE),
        Claim("appendix B.3", "a buffer that sees tasks pass is expressive enough", "no comparison",
              expressive, "leading directions"),
        Claim("not in the paper", "the dot product of gradients, without any matrix, ranks it first (MAML)",
              "not compared", first("MAML", DOT), "the run's derivative, buffers"),
        Claim("not in the paper", "the dot product of gradients, without any matrix, ranks it first "
              "(prototypes)", "not compared", first("prototypes", DOT), "the run's derivative, buffers"),
        Claim("not in the paper", "the exact derivative of the run ranks it first (MAML)", "not compared",
              first("MAML", RUN), "dot product, buffers"),
        Claim("not in the paper", "the exact derivative of the run ranks it first (prototypes)",
              "not compared", first("prototypes", RUN), "dot product, buffers"),
    ),
    tables,
    figure,
    version=2,
    figures={"8": distribution},
)  # fmt: skip
