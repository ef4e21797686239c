"""`metainfl scoreboard`: other libraries on a problem whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from metainfl.report.environment import environment
from metainfl.report.tables import number


def scoreboard(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the rows here.")
    ] = None,
    markdown: Annotated[bool, typer.Option(help="Print a Markdown table.")] = False,
) -> None:
    """Judge dattri, kronfluence, captum and curvlinops, each in its own declared convention.

    Softmax regression on 200 real digits, influence of each on 20 test losses, float64 where the
    library allows. Needs the extra: pip install 'metainfl[peers]'. Libraries that are not installed
    are left out.
    """
    from metainfl.oracle.peers.libraries import PEERS
    from metainfl.oracle.peers.scoreboard import installed
    from metainfl.oracle.peers.scoreboard import scoreboard as judged

    if not any(installed(p) for p in PEERS):
        print("no peer library is installed; run pip install 'metainfl[peers]'")
        raise typer.Exit(2)
    table = Table(box=None, pad_edge=False, header_style="bold")
    titles = (
        "library",
        "method",
        "verdict",
        "error",
        "rescaled",
        "rank",
        "time",
        "what it computes",
    )
    for title in titles:
        table.add_column(title, no_wrap=title != "what it computes")
    rows = []
    for r in judged():
        rows.append(r)
        rank = "-" if r.spearman != r.spearman else f"{r.spearman:.3f}"
        cells = (
            f"{r.library} {r.version}",
            r.method,
            r.verdict,
            number(r.error),
            number(r.rescaled),
            rank,
            f"{r.seconds:.2f} s",
            r.computes,
        )
        if markdown:
            if len(rows) == 1:
                print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
            print("| " + " | ".join(cells) + " |")
        table.add_row(*cells)
    if not markdown:
        Console(width=max(Console().width, 170), highlight=False).print(table)
    if json_file is not None:
        data = {"environment": environment(), "rows": [r.as_dict() for r in rows]}
        json_file.write_text(json.dumps(data, indent=1) + "\n")
