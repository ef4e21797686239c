"""Write the measured tables into docs/verdicts.md: python -m bench.verdicts."""

import json
import math
from pathlib import Path

from bench.names import told
from metainfl.oracle import survey
from metainfl.report.tables import number

PAGE = Path(__file__).parent.parent / "docs" / "verdicts.md"
SCORES = Path(__file__).parent / "results" / "scoreboard.json"


def check_table(rows):
    """The rows of `metainfl check` as Markdown, without times: those belong to the machine."""
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


def scoreboard_table(rows):
    """The committed scoreboard as Markdown."""
    lines = [
        "| library | method | verdict | error | after rescaling | Spearman | what it computes |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    for r in rows:
        error, rescaled, rank = (
            "-" if r[k] is None else f"{r[k]:{form}}"
            for k, form in (("error", ".1e"), ("rescaled", ".1e"), ("spearman", ".3f"))
        )
        lines.append(
            f"| {r['library']} {r['version']} | {r['method']} | {r['verdict']} | {error} | {rescaled} "
            f"| {rank} | {r['computes']} |"
        )
    return "\n".join(lines)


def block(text, name):
    """The part of the page between the markers of one table."""
    return text.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]


def replaced(text, name, table):
    """The PAGE with one table written anew."""
    before, rest = text.split(f"<!-- {name} -->")
    after = rest.split(f"<!-- /{name} -->")[1]
    return f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{after}"


if __name__ == "__main__":
    told(__doc__)
    text = PAGE.read_text()
    text = replaced(text, "scoreboard", scoreboard_table(json.loads(SCORES.read_text())["rows"]))
    PAGE.write_text(replaced(text, "check", check_table(list(survey()))))
