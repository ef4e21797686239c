"""Write the table of `metainfl check` into the README: python -m bench.readme."""

import math
from pathlib import Path

from metainfl.oracle import survey
from metainfl.report.tables import number

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- check -->", "<!-- /check -->"


def table(rows):
    """The rows as Markdown, without times: those belong to the machine."""
    lines = [
        "| method | family | n | T1 error | T2 error | T2 rank | claim | off by | verdict |",
        "|---|---|---:|---:|---:|---:|---|---:|---|",
    ]
    for r in rows:
        rank = "-" if math.isnan(r.t2_spearman) else f"{r.t2_spearman:.3f}"
        lines.append(
            f"| {r.method} | {r.family} | {r.perturbations} | {number(r.t1_error)} | "
            f"{number(r.t2_error)} | {rank} | {r.claim} | {number(r.claim_error)} | {r.verdict} |"
        )
    return "\n".join(lines)


def block(text):
    """The part of the README between the markers."""
    return text.split(BEGIN)[1].split(END)[0]


if __name__ == "__main__":
    text = README.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table(list(survey()))}\n{END}{after}")
