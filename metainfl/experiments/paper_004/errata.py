"""What the errata of 004 change: values, ranks, what is trimmed and bought, and accuracy after it.

Each formula of `printed` against the corrected one: correlation of ranks, share of the twenty trimmed (ten
bought) in common, accuracy after trimming, and the median ratio of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_004 import planes
from metainfl.experiments.paper_004.active import BOUGHT, drawn, trained
from metainfl.experiments.paper_004.planes import after, plane
from metainfl.experiments.paper_004.printed import FORMULAS, fi_active_by, fi_util_by, shared
from metainfl.experiments.paper_004.single_level import single
from metainfl.metrics.intervals import interval, paired, rank_agreement

SIZES = planes.SIZES
COUNT, AGREE, NEAR = 20, 0.9, 0.01
NAMES = {
    "linear": "FI-util (linear)",
    "nonlinear": "FI-util (nonlinear)",
    "digits": "FI-active (digits)",
}


def cell(_: str, seed: int, __: Path | None) -> Cell:
    """By data and formula: agreement, what is shared, the median ratio, and accuracy without twenty."""
    out: Cell = {}
    for model, sizes in SIZES.items():
        problem, (_train, valid, test), _rng = plane(model, "small", seed, sizes)
        found = {f: fi_util_by(f, problem, single(*valid)) for f in FORMULAS}
        out[model] = _against(found, COUNT)
        for f, value in found.items():
            gone = value.argsort(descending=True)[:COUNT].tolist()
            out[model][f]["accuracy"] = after(problem, gone, test)
    parts = drawn(seed)
    problem, read = trained(*parts["labelled"])
    pool = single(read(parts["pool"][0]), parts["pool"][1])
    out["digits"] = _against({f: fi_active_by(f, problem, pool) for f in FORMULAS}, BOUGHT)
    return out


def _against(found: dict[str, Any], count: int) -> dict[str, dict[str, float]]:
    right = found["corrected"]
    return {
        f: {
            "agreement": rank_agreement(value.tolist(), right.tolist()),
            "shared": shared(value, right, count),
            "ratio": float((value / right.clamp(min=1e-300)).median()),
        }
        for f, value in found.items()
    }


def _of(cells: Sequence[Cell], where: str, formula: str, what: str) -> list[float]:
    return [c[where][formula][what] for c in cells]


def ranks(where: str, formula: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether a formula as printed ranks as the corrected one does, at AGREE."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        found = interval(_of(cells, where, formula, "agreement"))
        common = interval(_of(cells, where, formula, "shared"))
        count = BOUGHT if where == "digits" else COUNT
        why = f"Our line is {AGREE}. Of the first {count} they share {common}."
        return Verdict(telling.above(found, AGREE), f"rank correlation {found}", why)

    return judge


def as_good(where: str, formula: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether accuracy after trimming by a printed formula is within NEAR of that by the corrected one."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(*(_of(cells, where, f, "accuracy") for f in (formula, "corrected")))
        near, away = gap.low > -NEAR and gap.high < NEAR, gap.high < -NEAR or gap.low > NEAR
        return Verdict(telling.told(near, away), f"difference {gap}", f"Within {NEAR} is near.")

    return judge


def same_value(where: str, formula: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the median value is the corrected one's, to a tenth."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        found = interval(_of(cells, where, formula, "ratio"))
        near, away = found.low > 0.9 and found.high < 1.1, found.high < 0.9 or found.low > 1.1
        why = "The median ratio to the corrected value; within a tenth is near."
        return Verdict(telling.told(near, away), f"ratio {found}", why)

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """One a data set."""
    words = {
        "agreement": "rank correlation",
        "shared": "first ones shared",
        "ratio": "median ratio",
    }
    out = []
    for where in NAMES:
        names = words if where == "digits" else {**words, "accuracy": "accuracy without twenty"}
        rows: list[dict[str, Any]] = [
            {"formula": f}
            | {name: str(interval(_of(cells, where, f, k))) for k, name in names.items()}
            for f in FORMULAS
        ]
        out.append(Table(where, f"FI as printed against FI as corrected, {where}", rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Agreement of ranks with the corrected formula."""
    for i, where in enumerate(NAMES):
        found = [interval(_of(cells, where, f, "agreement")) for f in FORMULAS[1:]]
        place = [k + 0.15 * (i - 1) for k in range(len(found))]
        axes.errorbar(
            place, [f.mean for f in found], [f.half for f in found], fmt="osd"[i], label=where
        )
    axes.set_xticks(range(len(FORMULAS) - 1), FORMULAS[1:])
    axes.set_ylabel("rank correlation with the corrected FI")
    axes.legend()


EXPERIMENT = Experiment(
    "004-printed",
    "004",
    "section 2, appendix A, Algorithm 1",
    "FI by the formulas as they are printed, beside the corrected one: does it matter?",
    cell,
    (
        *(
            Claim("below eq. 2.2", f"the printed sign moves the median value of {what} by less than a tenth",
                  "plus", same_value(where, "eq. 2.2"), "the corrected formula")
            for where, what in NAMES.items()
        ),
        Claim("eq. A.6", "a second 1/n moves the median value of FI-util (linear) by less than a tenth",
              "1/n twice", same_value("linear", "eq. A.6"), "the corrected formula"),
        Claim("Algorithm 1, lines 4, 6", "Algorithm 1 returns FI-util as it is defined (linear)",
              "b without 1/n, 1/n for 1/|V|", same_value("linear", "algorithms"), "the corrected formula"),
        Claim("Algorithm 2, line 12", "Algorithm 2 returns FI-active as it is defined (digits)",
              "b without 1/n", same_value("digits", "algorithms"), "the corrected formula"),
        *(
            Claim("Algorithms 1, 2", f"as printed they rank as {what} does", "not compared",
                  ranks(where, "algorithms"), "the corrected formula")
            for where, what in NAMES.items()
        ),
        *(
            Claim("Algorithm 3", f"trimming twenty by it as printed is as good as by {NAMES[m]}",
                  "not compared", as_good(m, "algorithms"), "the corrected formula")
            for m in SIZES
        ),
    ),
    tables,
    figure,
    {"small": 20},
    sizes=("small",),
    trains=False,
)  # fmt: skip
