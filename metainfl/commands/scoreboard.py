"""`metainfl scoreboard`: other libraries on a problem whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metainfl.commands.places import writable_files
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused
from metainfl.plain import write_json
from metainfl.report.environment import environment


def scoreboard(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the rows here.")
    ] = None,
    markdown: Annotated[bool, typer.Option(help="Print a Markdown table.")] = False,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Judge dattri, kronfluence, captum, curvlinops and traker, each in its own declared convention.

    Softmax regression on 200 real digits, influence of each on 20 test losses, float64 where the
    library allows. Needs the extra: pip install 'metainfl[peers]'. Libraries that are not installed
    are left out. Exit status: 0, or 2 when none is installed.
    """
    from metainfl.oracle.peers.libraries import PEERS
    from metainfl.oracle.peers.scoreboard import installed
    from metainfl.oracle.peers.scoreboard import scoreboard as judged
    from metainfl.report.tables import scoreboard_grid, show

    there = [p for p in PEERS if installed(p)]
    if not there:
        raise Refused("no peer library is installed; run pip install 'metainfl[peers]'")
    writable_files({"--json": json_file})
    rows: list[dict[str, object]] = []
    try:
        with bar(progress, "libraries", "judged") as watch:
            rows.extend(r.as_dict() for r in judged(progress=watch))
    finally:  # Ctrl-C keeps what is done
        if rows:
            show(scoreboard_grid(rows), markdown=markdown)
            if json_file is not None:
                data = {"environment": environment(), "rows": rows}
                write_json(json_file, data)
