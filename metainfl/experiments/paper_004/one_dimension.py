"""What section 1 of 004 says of logistic regression with one coefficient, held to removals that are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004.line import TURNED, WAYS, cell
from metainfl.metrics.intervals import interval, paired

WORDS = {"one class": "larger class's share", "valid": "validation loss", "test": "test loss"}


def as_stated(cells: Sequence[Cell]) -> Verdict:
    """Whether IV is below zero for one class and for no point of the other, in every draw."""
    found = [c["as stated"] for c in cells]
    word = telling.told(min(found) == 1.0, min(found) < 1.0)
    return Verdict(
        word, f"share of points {interval(found)}", "An identity: in every draw, or not."
    )


def other_hurts(cells: Sequence[Cell]) -> Verdict:
    """Whether a real removal of a point of the class that is not blamed lowers the validation loss."""
    found = interval([c["hurts, other"] for c in cells])
    blamed = interval([c["hurts, blamed"] for c in cells])
    points = sum(c["of the other"] for c in cells)
    why = (
        f"Each of {points} points removed for real, {TURNED} of each class mislabelled. The loss is convex "
        "in beta, and leaving out a point of the class that IV does not blame moves beta up its slope. "
        "Of the blamed class: "
        f"{blamed}."
    )
    return Verdict(telling.above(found), f"share of that class {found}", why)


def worse(way: str, other: str, what: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether a loss after one way's removals is above that after another's."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(_of(cells, way, what), _of(cells, other, what))
        rest = "valid" if what == "test" else "test"
        also = paired(_of(cells, way, rest), _of(cells, other, rest))
        over = paired(_of(cells, way, what), _of(cells, "none", what))
        why = f"{way} less no removal: {over}. Of the {WORDS[rest]} in its place, {way} less {other}: {also}."
        return Verdict(telling.above(gap), f"{WORDS[what]}: difference {gap}", why)

    return judge


def less_of_one(cells: Sequence[Cell]) -> Verdict:
    """Whether FI's eight are less of one class than IV's are."""
    gap = paired(_of(cells, "IV", "one class"), _of(cells, "FI", "one class"))
    why = f"The larger class's share of eight: IV {_mean(cells, 'IV')}, FI {_mean(cells, 'FI')}."
    return Verdict(telling.above(gap), f"difference {gap}", why)


def _of(cells: Sequence[Cell], way: str, what: str) -> list[float]:
    return [c[way][what] for c in cells]


def _mean(cells: Sequence[Cell], way: str) -> str:
    return str(interval(_of(cells, way, "one class")))


def tables(cells: Sequence[Cell]) -> list[Table]:
    """By way of trimming."""
    rows: list[dict[str, Any]] = [
        {"removed by": w} | {name: str(interval(_of(cells, w, k))) for k, name in WORDS.items()}
        for w in WAYS
    ]
    none = {
        name: str(interval(_of(cells, "none", k))) for k, name in WORDS.items() if k != "one class"
    }
    rows.append({"removed by": "none", WORDS["one class"]: "-", **none})
    return [Table("line", "Eight training points removed, one coefficient", rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Change of the two losses, by way."""
    for i, what in enumerate(("valid", "test")):
        gaps = [paired(_of(cells, w, what), _of(cells, "none", what)) for w in WAYS]
        place = [k + 0.15 * (i - 0.5) for k in range(len(WAYS))]
        label = WORDS[what]
        axes.errorbar(
            place, [g.mean for g in gaps], [g.half for g in gaps], fmt="os"[i], label=label
        )
    axes.axhline(0, linestyle=":", color="0.5")
    axes.set_xticks(range(len(WAYS)), WAYS)
    axes.set_ylabel("loss after removal, less that before")
    axes.legend()


EXPERIMENT = Experiment(
    "004-one-dimension",
    "004",
    "section 1",
    "Logistic regression with one coefficient: which class IV blames, and whether it is wrong to.",
    cell,
    (
        Claim("section 1", "IV is below zero exactly for the points of one class", "if and only if y = 1",
              as_stated),
        Claim("section 1", "outliers of the other class hurt the validation loss, too", "may also",
              other_hurts, "removal of each point"),
        Claim("section 1", "to remove IV's points of one class alone is worse than the mislabelled of both",
              "clearly incorrect", worse("IV", "turned", "test"), "the mislabelled points"),
        Claim("section 1", "FI's points are less of one class than IV's", "not compared", less_of_one),
        Claim("section 1", "IV leaves a higher test loss than FI", "outperforms consistently, said of more "
              "dimensions",
              worse("IV", "FI", "test"), "no removal"),
    ),
    tables,
    figure,
    {"small": 20},
    sizes=("small",),
    trains=False,
)  # fmt: skip
