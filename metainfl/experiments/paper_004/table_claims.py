"""How claims on tables are judged: on every table that has what a claim asks for, and it holds on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Holds, Verdict
from metainfl.experiments.paper_004.buying import mean_after
from metainfl.experiments.paper_004.on_tables import COUNTS, share
from metainfl.metrics.intervals import Interval, paired, resplit

COUNT = 20
NEAR = 0.005
SPLITS = (
    "Seeds are splits of the same rows, which overlap: intervals are as wide as that makes them (Nadeau and "
    "Bengio 2003), and are those of a split, not of another table."
)
Part = Callable[[str], Interval | None]  # table -> what is told of it


def on_all(
    cells: Sequence[Cell], part: Part, tell: Callable[[Interval], Holds], why: str
) -> Verdict:
    """One claim on every table that has what it asks for: it holds where it holds on all."""
    found = {n: resplit(gap, share(n)) for n in cells[0] if (gap := part(n)) is not None}
    if not found:
        return Verdict(UNTOLD, "-", "No table here has what this asks for.")
    ours = "; ".join(f"{name} {gap}" for name, gap in found.items())
    word = telling.all_of(*(tell(g) for g in found.values()))
    return Verdict(word, ours, f"{why} {SPLITS}")


def trims_better(kind: str, way: str, other: str, *of: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether accuracy after trimming by one way is above that after another ("none": no trimming).

    `of` names the tables that the claim is of; all where none is named.
    """

    def judge(cells: Sequence[Cell]) -> Verdict:
        return on_all(
            cells,
            _gap(cells, kind, way, other, COUNT, of),
            telling.above,
            _rest(cells, kind, way, other, of),
        )

    return judge


def no_gain(way: str, other: str, *of: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether trimming by one way gains less than NEAR over another."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        why = (
            f"No improvement is taken as less than {NEAR}. {_rest(cells, 'clean', way, other, of)}"
        )
        part = _gap(cells, "clean", way, other, COUNT, of)
        return on_all(cells, part, lambda gap: telling.below(gap, NEAR), why)

    return judge


def _gap(
    cells: Sequence[Cell], kind: str, way: str, other: str, count: int, of: Sequence[str]
) -> Part:
    """Accuracy after trimming so many rows by one way, less that after another, on the tables asked for."""
    names = [w if w == "none" else f"{w} {count}" for w in (way, other)]

    def part(table: str) -> Interval | None:
        own = [c[table][kind] for c in cells]
        if (of and table not in of) or any(n not in own[0] for n in names):
            return None
        return paired(*([c[n] for c in own] for n in names))

    return part


def _rest(cells: Sequence[Cell], kind: str, way: str, other: str, of: Sequence[str]) -> str:
    """What is told of the other numbers of rows."""
    words = [f"{COUNT} rows."]
    for count in (n for n in COUNTS if n != COUNT):
        part = _gap(cells, kind, way, other, count, of)
        gaps = [str(resplit(gap, share(t))) for t in cells[0] if (gap := part(t)) is not None]
        words.append(f"{count} rows: {'; '.join(gaps) or '-'}.")
    return " ".join(words)


def buys_better(other: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether FI-active is above another way of buying, over all rounds."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        return on_all(
            cells,
            lambda t: _bought(cells, t, "FI", other),
            telling.above,
            "Mean accuracy over the rounds."
            + (" BALD is by Laplace's posterior, not by dropout." if other == "BALD" else ""),
        )

    return judge


def alike(cells: Sequence[Cell]) -> Verdict:
    """Whether BALD is as good as chance, to NEAR."""

    def tell(gap: Interval) -> Holds:
        near, away = gap.low >= -NEAR and gap.high <= NEAR, gap.low > NEAR or gap.high < -NEAR
        return telling.told(near, away)

    why = f"Mean accuracy over the rounds; comparable is taken as within {NEAR}."
    return on_all(cells, lambda t: _bought(cells, t, "BALD", "random"), tell, why)


def _bought(cells: Sequence[Cell], table: str, way: str, other: str) -> Interval | None:
    if "buying" not in cells[0][table]:
        return None
    own = [c[table]["buying"] for c in cells]
    return paired(mean_after(own, way), mean_after(own, other))
