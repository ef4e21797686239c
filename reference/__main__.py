"""`python -m metainfl_reference`: the certification table; `--errata`: the papers' errors, measured."""

import sys

from metainfl_reference.errata import ERRATA
from metainfl_reference.routes import routes

ERRATA_HEAD = """\
# Where the papers, as printed, fail

Measured on small problems of the reference; written by
`python -m metainfl_reference --errata > docs/errata.md`. Both readings of a formula are held against a
second route, complex step or enumeration; where a row is arithmetic, or a claim against a measurement,
its last column says so. The pairs are functions in `reference/errata/`, by paper. The text of the papers
was extracted by machine: where a lost character could explain a row, the row says so.

| paper, place | as printed | what the derivation gives | as printed | corrected | measured as |
|---|---|---|---:|---:|---|"""


def main(arguments: list[str]) -> int:
    """Print one of the tables; 1 if a line does not hold, 2 for bad arguments."""
    if arguments == ["--errata"]:
        return _errata()
    if arguments:
        print(f"unknown argument {arguments[0]!r}; known: --errata", file=sys.stderr)
        return 2
    form = "{:22} {:32} {:22} {:>10} {:>9} {:>9}"
    print(form.format("family", "estimand", "second route", "agreement", "allowed", "bound"))
    bad = count = 0
    for line in routes():
        count += 1
        bad += not line.holds
        numbers = (f"{x:.1e}" for x in (line.agreement, line.allowed, line.bound))
        mark = "" if line.holds else "  DISAGREES"
        print(form.format(line.family, line.estimand, line.route, *numbers) + mark, flush=True)
    print(f"\n{count - bad} of {count} lines agree.")
    return 1 if bad else 0


def _errata() -> int:
    print(ERRATA_HEAD)
    bad = 0
    for e in ERRATA:
        m = e.measure()
        bad += not m.tells_apart
        cells = (e.source, e.printed, e.derived, f"{m.printed:.2g}", f"{m.corrected:.2g}", m.unit)
        print("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
