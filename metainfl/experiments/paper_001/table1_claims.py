"""What Table 1 of 001 claims, judged by cells: accuracies, and the seconds of an edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metainfl.experiments.experiment import Cell, Verdict
from metainfl.experiments.statistics import interval, paired

NEAR = 0.02  # accuracy within which two are called close: the paper's own gap on Omniglot is 0.010


def values(cells: Sequence[Cell], level: str, edit: str, what: str) -> list[float]:
    """One a seed."""
    return [c[level][edit][what] for c in cells]


def close(level: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether task-IF's accuracy is within NEAR of retraining's, and says more than no edit does."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(
            values(cells, level, "task-IF", "accuracy"),
            values(cells, level, "retrained", "accuracy"),
        )
        none = paired(
            values(cells, level, "no edit", "accuracy"),
            values(cells, level, "retrained", "accuracy"),
        )
        near = interval(values(cells, level, "task-IF", "distance"))
        why = (
            f"No edit at all differs from retraining by {none}; task-IF's parameters are {near} of "
            "the way off (1: as far as no edit, 0: there)."
        )
        if gap.low >= -NEAR and gap.high <= NEAR:
            return Verdict("holds", f"difference {gap}", why)
        if gap.high < -NEAR or gap.low > NEAR:
            return Verdict("does not hold", f"difference {gap}", why)
        return Verdict(
            "cannot be told here", f"difference {gap}", f"The interval crosses {NEAR}. {why}"
        )

    return judge


def above_direct(cells: Sequence[Cell]) -> Verdict:
    """Whether task-IF's edit is more accurate than Direct-IF's."""
    gap = paired(
        values(cells, "task", "task-IF", "accuracy"),
        values(cells, "task", "Direct-IF", "accuracy"),
    )
    zero = max(abs(1 - x) for x in values(cells, "task", "Direct-IF", "distance"))
    why = f"Under eq. 4 Direct-IF edits nothing (distance 1 to within {zero:.1g}): a gain over no edit."
    if gap.low > 0:
        return Verdict("holds", f"difference {gap}", why)
    return Verdict(
        "does not hold" if gap.high <= 0 else "cannot be told here", f"difference {gap}", why
    )


def direct_degrades(cells: Sequence[Cell]) -> Verdict:
    """Whether Direct-IF loses accuracy against the unedited network."""
    gap = paired(
        values(cells, "task", "Direct-IF", "accuracy"),
        values(cells, "task", "no edit", "accuracy"),
    )
    why = "Eq. 6 under eq. 4 is identically zero: the partial derivative of the outer loss in lam vanishes."
    return Verdict("holds" if gap.high < -NEAR else "does not hold", f"difference {gap}", why)


def time_share(cells: Sequence[Cell]) -> Verdict:
    """Whether the edit takes a fifth to a quarter of retraining's time, or less."""
    share = interval(
        [
            a / b
            for a, b in zip(
                values(cells, "task", "task-IF", "seconds"),
                values(cells, "task", "retrained", "seconds"),
                strict=True,
            )
        ]
    )
    why = (
        "Processor seconds of one edit over those of the run again. It grows with the condition number and "
        "not with the steps that the run took, so longer runs shrink it."
    )
    if share.high <= 0.25:
        return Verdict("holds", f"share {share}", why)
    return Verdict(
        "does not hold" if share.low > 0.25 else "cannot be told here", f"share {share}", why
    )
