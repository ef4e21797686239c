"""All reproduced experiments of a folder on one page: each claim, the paper's number, ours, the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metainfl.report.document import Section, document, escape, table

WORDS = ("holds", "does not hold", "cannot be told here")


def page(results: Sequence[Mapping[str, Any]], folder: Path, environment: Mapping[str, Any]) -> str:
    """`results` are those of `metainfl.experiments.results`; figures are read from the folder."""
    claims = [c for r in results for c in r["claims"]]
    ours = ("not in the paper", "not compared", "not tried")
    of_papers = [c for c in claims if not any(c[k].startswith(ours) for k in ("place", "paper"))]
    counts = {w: sum(c["holds"] == w for c in of_papers) for w in WORDS}
    what = (
        "Claims of the papers, each by its place, in our words, with the paper's number, ours with its 95 % "
        "interval over seeds, and whether it holds here. Numbers after +- are half widths of Student's "
        "intervals; differences are paired by seed. What is counted are claims of the papers, each size by "
        f"itself; {len(claims) - len(of_papers)} questions of our own stand beside them."
    )
    sections = [Section(r["name"], f"{r['name']}: {r['place']}", _one(r, folder)) for r in results]
    return document("The papers' claims, tried", what, counts, sections, environment)


def _one(result: Mapping[str, Any], folder: Path) -> str:
    out = [
        f"<p>{escape(result['about'])} Size {escape(result['size'])}, {result['seeds']} seeds.</p>",
        "<ul class='checks'>",
    ]
    for c in result["claims"]:
        beside = f" Beside it: {escape(c['against'])}." if c["against"] else ""
        out.append(
            f"<li><b>{escape(c['holds'])}</b>: {escape(c['text'])} <small>({escape(c['place'])})</small><br>"
            f"Paper: {escape(c['paper'])}. Here: {escape(c['ours'])}. {escape(c['why'])}{beside}</li>"
        )
    out.append("</ul>")
    own = folder / f"{result['name']}-{result['size']}"
    for svg in sorted(own.glob("figure*.svg"), key=lambda path: path.stem):
        text = svg.read_text()
        drawn = text[text.index("<svg") :].replace("#262626", "currentColor")
        named = svg.stem.removeprefix("figure").replace("-", " ")
        label = escape(f"{result['about']}{named}")
        out.append(f"<figure role='img' aria-label='{label}'>{drawn}</figure>")
    for t in result["tables"]:
        columns = list(t["rows"][0]) if t["rows"] else []
        name = f"{result['name']} {t['name']}"
        out.append(f"<p>{escape(t['caption'])}</p>{table(name, columns, t['rows'], open_=False)}")
    return "".join(out)
