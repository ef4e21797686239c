"""What Table 1 of 001 claims, judged by cells: accuracies, and the seconds of an edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Verdict
from metainfl.experiments.paper_001.edits import GAMMA, OWN
from metainfl.experiments.paper_001.table1_cell import by_set, left_out
from metainfl.metrics.intervals import interval, paired

NEAR = 0.02  # accuracy within which two are called close: the paper's own gap on Omniglot is 0.010
STEPS = 5000  # of the paper's runs
SAME = 0.25  # of an edit's length, within which another is called nearly the same
Judge = Callable[[Sequence[Cell]], Verdict]


def on_each(judge: Judge) -> Judge:
    """A claim of all data sets: it holds where it does on each, and not where on one it does not."""

    def whole(cells: Sequence[Cell]) -> Verdict:
        found = {n: judge(own) for n, own in by_set(cells).items()}
        if len(found) == 1:
            (only,) = found.values()
            return Verdict(only.holds, only.ours, only.why + left_out(cells))
        word = telling.all_of(*(v.holds for v in found.values()))
        ours = "; ".join(f"{n}: {v.ours}" for n, v in found.items())
        why = " ".join(f"{n} ({v.holds}): {v.why}" for n, v in found.items())
        return Verdict(word, ours, why + left_out(cells))

    return whole


def values(cells: Sequence[Cell], level: str, edit: str, what: str) -> list[float]:
    """One a seed."""
    return [c[level][edit][what] for c in cells]


def close(level: str, edit: str | None = None) -> Judge:
    """Whether the edit's accuracy, by influence or as named, is within NEAR of retraining's.

    Unless no edit at all is further off than that, nearness says nothing of the edit: it cannot be told.
    """

    def judge(cells: Sequence[Cell]) -> Verdict:
        truth, own = values(cells, level, "retrained", "accuracy"), edit or OWN[level]
        gap = paired(values(cells, level, own, "accuracy"), truth)
        none = paired(values(cells, level, "no edit", "accuracy"), truth)
        far = interval(values(cells, level, own, "distance"))
        why = (
            f"No edit at all differs from retraining by {none}; the edit's parameters are {far} of the way "
            f"off (1: as far as no edit, 0: there). Near is taken as within {NEAR}."
        )
        near = gap.low >= -NEAR and gap.high <= NEAR
        away, other = (g.high < -NEAR or g.low > NEAR for g in (gap, none))
        if near and not other:
            why = f"Near, but no edit may be as near: accuracy cannot tell them apart here. {why}"
        return Verdict(
            telling.told(near and other, away), f"accuracy: difference {gap}", why + _of_gamma(edit)
        )

    return judge


def _of_gamma(edit: str | None) -> str:
    """What is to be known of that edit."""
    if edit != GAMMA:
        return ""
    return (
        " The outer loss reads lam through adaptation alone, and the matrix is a number times the identity: "
        "the edit is a scaled gradient, whatever solves it."
    )


def above_direct(cells: Sequence[Cell]) -> Verdict:
    """Whether task-IF's edit is more accurate than Direct-IF's."""
    gap = paired(
        values(cells, "task", "task-IF", "accuracy"),
        values(cells, "task", "Direct-IF", "accuracy"),
    )
    zero = max(
        abs(1 - x)
        for name in ("Direct-IF", "Direct-IF, a quarter")
        for x in values(cells, "task", name, "distance")
    )
    why = (
        f"Under eq. 4 Direct-IF edits nothing, with all tasks or a quarter of them (distance 1 to within "
        f"{zero:.1g}), so this is the difference from no edit."
    )
    return Verdict(telling.above(gap), f"accuracy: difference {gap}", why)


def direct_degrades(cells: Sequence[Cell]) -> Verdict:
    """Whether Direct-IF loses more than NEAR of accuracy against the unedited network."""
    gap = paired(
        values(cells, "task", "Direct-IF", "accuracy"),
        values(cells, "task", "no edit", "accuracy"),
    )
    why = "Eq. 6 under eq. 4 is identically zero: the partial derivative of the outer loss in lam vanishes."
    return Verdict(telling.below(gap, -NEAR), f"accuracy: difference {gap}", why)


def time_share(level: str, line: float, edit: str | None = None) -> Judge:
    """Whether an edit takes at most the share `line` of retraining's time; by influence, or as named.

    An edit's time grows with the tasks, retraining's with the steps of the run: at another size than the
    paper's it cannot be told.
    """

    def judge(cells: Sequence[Cell]) -> Verdict:
        own, whole = (values(cells, level, n, "seconds") for n in (edit or OWN[level], "retrained"))
        share = interval([a / b for a, b in zip(own, whole, strict=True)])
        why = (
            "Processor seconds of one edit over those of the run again. An edit's grow with the condition "
            "number and the tasks, those of the run with its steps"
        )
        word, steps = telling.below(share, line), int(cells[0]["steps"])
        if steps < STEPS:
            word = UNTOLD
            why += f": here {steps:,} on few tasks, in the paper {STEPS:,}; it is told at that size alone"
        return Verdict(word, f"share {share}", why + "." + _of_gamma(edit))

    return judge


def stable(cells: Sequence[Cell]) -> Verdict:
    """Whether instance-IF's edit is as accurate without training as without validation instances."""
    own, again = (
        paired(*(values(cells, level, name(level), "accuracy") for level in ("support", "query")))
        for name in (OWN.__getitem__, lambda level: "retrained")
    )
    near, away = own.low >= -NEAR and own.high <= NEAR, own.low > NEAR or own.high < -NEAR
    why = (
        f"Near is taken as within {NEAR}. Retraining differs by {again}, no edit by nothing, being the same "
        "network: that an edit is stable says little of it."
    )
    return Verdict(telling.told(near, away), f"accuracy: difference {own}", why)


def quick(name: str, line: float) -> Judge:
    """Whether task-IF with a part's Hessian takes at most the share `line` of the time with the whole one."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        own, whole = (values(cells, "task", n, "seconds") for n in (name, "task-IF"))
        share = interval([a / b for a, b in zip(own, whole, strict=True)])
        return Verdict(
            telling.below(share, line), f"share {share}", "Processor seconds of one edit."
        )

    return judge


def same_edit(names: Sequence[str]) -> Judge:
    """Whether the edits differ from task-IF's by less than SAME of its length, each of them."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        found = {n: interval(values(cells, "task", n, "apart")) for n in names}
        word = telling.all_of(*(telling.below(v, SAME) for v in found.values()))
        ours = "; ".join(f"{n.rpartition(' ')[2]} {v}" for n, v in found.items())
        why = f"Distance of the two edits, over the length of task-IF's; within {SAME} is our line."
        return Verdict(word, ours, why)

    return judge


def direct_fastest(cells: Sequence[Cell]) -> Verdict:
    """Whether Direct-IF takes less time than task-IF and retraining."""
    own = values(cells, "task", "Direct-IF", "seconds")
    gaps = [paired(values(cells, "task", n, "seconds"), own) for n in ("task-IF", "retrained")]
    words = telling.all_of(*(telling.above(g) for g in gaps))
    ours = f"it edits nothing; task-IF takes {gaps[0]} seconds more"
    return Verdict(words, ours, "Its right-hand side is zero, and nothing is left to solve.")
