"""`metainfl check`: the built-in methods as one table, anyone's method in full, or the oracle itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from metainfl.commands.progress import bar
from metainfl.commands.target import load
from metainfl.errors import InvalidProblem
from metainfl.methods.claim import Claim
from metainfl.oracle.builtin_table import Row, survey
from metainfl.oracle.verdict import check_method
from metainfl.report.environment import environment
from metainfl.report.tables import self_check_table, survey_table

LEGEND = """\
n          how many tasks or instances the method was asked about
T1 error   relative error against the exact derivative d lam*/d weight
T2 error   relative error of the predicted removal against solving again without the datum
T2 rank    Spearman correlation of predicted and true size of the shift, over the data
off by     relative error against what the method claims to compute; a claim holds when that is
           within what rounding allows (16 p eps cond(H) cond(inner), plus the truth's own bound)"""

NEXT = """\
Your own method is any callable method(problem, perturbations) -> (n, p):
    metainfl check your.module:method
See "Judge your own method" in the README."""


def check(
    target: Annotated[
        str | None,
        typer.Argument(
            help="Your method, as package.module:object or file.py:object. Without it, the built-in "
            "methods are judged.",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Built-in: fewer instances, 8 instead of 32 components of the digits, and T2 only "
            "where removal has a closed form. Your own: two families and fewer perturbations.",
        ),
    ] = False,
    claim: Annotated[
        str | None,
        typer.Option(
            help='What your method claims, e.g. "estimand=derivative, kinds=task+query, accuracy=1e-6, '
            'sign=-1, scale=1/T". Default: the claim it carries, else the strictest.',
        ),
    ] = None,
    families: Annotated[
        str | None, typer.Option(help="Only these families, separated by commas.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated problems.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the result as JSON to this file.")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Also write your method's report as one HTML page."),
    ] = None,
    itself: Annotated[
        bool,
        typer.Option(
            "--self", help="Judge the oracle: mutation score, false alarms, sole killers."
        ),
    ] = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar on a terminal.")] = True,
) -> None:
    """Judge methods on problems whose answer is known.

    Without a target: the built-in methods on eight small families and all 252 five-way tasks of
    scikit-learn's digits. Exit status: 0 when every claim holds, 1 when one does not, 2 for bad
    arguments.
    """
    for name, path in (("--json", json_file), ("--html", html_file)):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(
                f"the folder {path.absolute().parent} does not exist; create it first",
                param_hint=name,
            )
    if target is None and (claim or families or html_file):
        raise typer.BadParameter("--claim, --families and --html go with a method of your own")
    if itself:
        raise typer.Exit(_itself(quick, seed, json_file, progress))
    if target is not None:
        raise typer.Exit(_own(target, quick, claim, families, seed, json_file, html_file, progress))
    raise typer.Exit(_built_in(quick, json_file, progress))


def _built_in(quick: bool, json_file: Path | None, progress: bool) -> int:
    rows: list[Row] = []
    try:
        with bar(progress) as show:
            rows.extend(survey(quick, progress=show))
    finally:  # Ctrl-C keeps what is done
        if rows:
            _report(rows, json_file)
    return 0 if all(r.verdict == "holds" for r in rows) else 1


def _own(
    target: str,
    quick: bool,
    claim: str | None,
    families: str | None,
    seed: int,
    json_file: Path | None,
    html_file: Path | None,
    progress: bool,
) -> int:
    method = load(target)
    try:
        with bar(progress) as show:
            report = check_method(
                method,
                claim=Claim.parse(claim) if claim else None,
                families=families.split(",") if families else None,
                quick=quick,
                seed=seed,
                progress=show,
            )
    except InvalidProblem as error:
        raise typer.BadParameter(str(error)) from error
    print(report)
    if json_file is not None:
        report.to_json(json_file)
    if html_file is not None:
        report.to_html(html_file)
    return 0 if report.passed else 1


def _itself(quick: bool, seed: int, json_file: Path | None, progress: bool) -> int:
    from metainfl.oracle.self_check import self_check

    with bar(progress) as show:
        found = self_check(seeds=(seed,) if quick else (seed, seed + 1, seed + 2), progress=show)
    console = Console(width=max(Console().width, 120), highlight=False)
    console.print(self_check_table(found))
    killed = len(found.kills) - len(found.survivors)
    console.print(f"\nmutation score: {killed} of {len(found.kills)} wrong methods killed")
    console.print(
        f"false alarms: {len(found.alarms)} in {found.right_runs} judgements of right methods"
    )
    for name in found.survivors:
        console.print(f"survived: {name}")
    for name in found.idle:
        console.print(f"kills nothing: {name}")
    for name, outcomes in found.alarms.items():
        for o in outcomes:
            console.print(f"false alarm: {name}: {o.check}: " + "; ".join(o.lines()))
    if json_file is not None:
        data = {
            "environment": environment(),
            "kills": found.kills,
            "diagnoses": found.diagnoses,
            "sole_killers": found.sole_killers,
            "survivors": found.survivors,
            "false_alarms": {k: [o.as_dict() for o in v] for k, v in found.alarms.items()},
            "right_judgements": found.right_runs,
        }
        json_file.write_text(json.dumps(data, indent=1) + "\n")
    return 0 if found.passed else 1


def _report(rows: list[Row], json_file: Path | None) -> None:
    console = Console(width=max(Console().width, 150), highlight=False)
    console.print(survey_table(rows))
    console.print()
    console.print(LEGEND)
    for r in rows:
        if r.note:
            console.print(f"{r.method} on {r.family}: {r.note}")
    held = sum(r.verdict == "holds" for r in rows)
    console.print(f"\n{held} of {len(rows)} claims hold.")
    console.print(NEXT)
    if json_file is not None:
        data = {"environment": environment(), "rows": [r.as_dict() for r in rows]}
        json_file.write_text(json.dumps(data, indent=1) + "\n")
