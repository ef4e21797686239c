"""`metainfl check`: the oracle's verdict as one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metainfl.environment import environment
from metainfl.oracle.survey import Row, survey
from metainfl.report.tables import survey_table

LEGEND = """\
n          how many tasks or instances the method was asked about
T1 error   relative error against the exact derivative d lam*/d weight
T2 error   relative error of the predicted removal against solving again without the datum
T2 rank    Spearman correlation of predicted and true size of the shift, over the data
off by     relative error against what the method claims to compute; a claim holds when that is
           within what rounding allows (16 p eps cond(H) cond(inner), plus the truth's own bound)"""


def check(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Fewer instances, 8 instead of 32 components of the digits, and T2 only where "
            "removal has a closed form.",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the rows as JSON to this file.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar on a terminal.")] = True,
) -> None:
    """Judge the built-in methods on problems whose answer is known.

    Eight small families and all 252 five-way tasks of scikit-learn's digits. Exit status: 0 when
    every claim holds, 1 when one does not, 2 for bad arguments.
    """
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise typer.BadParameter(
            f"the folder {json_file.absolute().parent} does not exist; create it first",
            param_hint="--json",
        )
    rows: list[Row] = []
    try:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not (progress and Console(stderr=True).is_terminal),
        ) as bar:
            item = bar.add_task("starting", total=None)

            def show(done: int, total: int, what: str) -> None:
                bar.update(item, completed=done, total=total, description=what)

            rows.extend(survey(quick, progress=show))
    finally:  # Ctrl-C keeps what is done
        if rows:
            _report(rows, json_file)
    raise typer.Exit(0 if all(r.verdict == "holds" for r in rows) else 1)


def _report(rows: list[Row], json_file: Path | None) -> None:
    console = Console(width=max(Console().width, 150), highlight=False)
    console.print(survey_table(rows))
    console.print()
    console.print(LEGEND)
    failing = [r for r in rows if r.verdict != "holds"]
    for r in rows:
        if r.note:
            console.print(f"{r.method} on {r.family}: {r.note}")
    held = len(rows) - len(failing)
    console.print(f"\n{held} of {len(rows)} claims hold.")
    console.print(
        "Your own method is any callable method(problem, perturbations) -> (n, p): see\n"
        '"Judge your own method" in the README.'
    )
    if json_file is not None:
        data = {"environment": environment(), "rows": [r.as_dict() for r in rows]}
        json_file.write_text(json.dumps(data, indent=1) + "\n")
