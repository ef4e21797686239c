"""The table and the comparison with the survey's Table 1, in markdown."""

from __future__ import annotations

from bench.estimators.measure import further, growth
from bench.estimators.survey import beside

HEAD = (
    "estimator", "reads", "estimates", "off by", "rank", "rank with removal", "cost", "unit",
    "growth in n, or counts", "in p", "in T", "one more target",
)  # fmt: skip

WORDS = """\
off by               relative error against what "estimates" says, from the reference (an approximation:
                     against what it approximates; a shift: against exact removal); a dash: it defines what
                     it computes, and its test holds that to another route
rank                 Spearman with its own estimand;  with removal: with the loss of two targets after exact
                     removal (solving, running or fitting again) minus before
cost                 at the smallest size, in the unit beside it; games: values of subsets asked for
growth               exponent of the cost between the last two of three sizes; games: values of subsets asked
                     for at 8, 10 and 12 players (256 draws where an estimator draws; none is asked for twice)
one more target      as a share of the cost for one; a dash: one answer for all of them, or not measured
"""


def number(x, digits=2):
    """Short; a dash for none."""
    if x is None:
        return "-"
    return x if isinstance(x, str) else f"{x:.{digits}g}"


def exponent(spent, axis, unit):
    """One decimal is what timings hold; counts as they are."""
    if axis not in spent:
        return "-"
    if unit == "values of subsets":
        return ", ".join(f"{count:.0f}" for _, count in spent[axis])
    found = growth(spent[axis])
    return found if isinstance(found, str) else f"{found + 0.0:.1f}".replace("-0.0", "0.0")


def table(rows):
    """Markdown, in the catalogue's order."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    for r in rows:
        spent = r.get("spent", {})
        cells = [
            r["name"], r["reads"], r["estimand"], number(r.get("error")), number(r.get("rank")),
            number(r.get("removal")), number(r.get("cost"), 3), r["unit"] if spent else "-",
            *(exponent(spent, a, r["unit"]) for a in "npT"),
            number(max(further(spent["m"]), 0.0)) if "m" in spent else "-",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def against_survey(rows, wide):
    """Markdown: what Table 1 prints, and what was measured."""
    head = (
        "method", "full, printed", "growth measured", "incremental, printed", "one more target", "in words"
    )  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for r in beside(rows, wide):
        grown = ", ".join(r["counts"] or (f"{a}^{max(g, 0.0):.1f}" for a, g in r["growth"].items()))
        extra = None if r["further"] is None else max(r["further"], 0.0)
        cells = [
            r["method"], f"O({r['full']})", grown, f"O({r['incremental']})", number(extra), r["words"]
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
