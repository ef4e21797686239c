"""`metainfl check`: the built-in methods as one table, anyone's method in full, or the oracle itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.check_method import on_drawn, on_theirs
from metainfl.commands.judged import print_self_check, print_survey
from metainfl.commands.options import idle, only, positive
from metainfl.commands.places import writable_files, writable_folder
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused


def check(
    ctx: typer.Context,
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
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 3, help="Seed of the generated problems.")
    ] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**4,
            help="Judge on problems drawn from this many seeds, --seed and those after it.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the result as JSON to this file.")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Also write your method's report as one HTML page."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Judge it on your own solved problem, file.py:problem (or a function that returns one, "
            "or problem, targets): laws, its equation, and solving again.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="With --on: when to stop solving again.  [default: 5]")
    ] = None,
    reproduce: Annotated[
        Path | None,
        typer.Option(help="Also write a runnable file for each failed check into this folder."),
    ] = None,
    itself: Annotated[
        bool,
        typer.Option(
            "--self",
            help="Judge the oracle: mutation score, false alarms, sole killers (with --quick each wrong "
            "method is asked until it is killed).",
        ),
    ] = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar on a terminal.")] = True,
) -> None:
    """Judge methods on problems whose answer is known.

    Without a target: the built-in methods on eight small families and all 252 five-way tasks of
    scikit-learn's digits. Exit status: 0 when every claim holds, 1 when one does not, 2 for bad
    arguments.
    """
    if target is not None and itself:
        raise Refused("--self judges the oracle, not a method; leave out one of the two")
    if itself:
        only(ctx, "--self", ("itself", "quick", "seed", "seeds", "json_file"))
    elif target is None:
        built_in = "the built-in methods"
        only(ctx, built_in, ("quick", "json_file"), "it judges a method: name it as file.py:method")
    if on is not None:
        only(
            ctx,
            "--on",
            ("target", "on", "minutes", "quick", "claim", "seed", "json_file", "html_file"),
        )
    elif minutes is not None:
        idle(ctx, "drawn problems", ("minutes",))
    if itself and seeds:
        idle(ctx, "--self where --seeds says how many", ("quick",))
    writable_files({"--json": json_file, "--html": html_file}, target)
    if reproduce is not None:
        writable_folder(reproduce, "--reproduce")
    if itself:
        drawn = range(seed, seed + (seeds or (1 if quick else 3)))
        raise typer.Exit(_self(drawn, quick, json_file, progress))
    if on is not None:
        assert target is not None  # --on without one was refused above
        minutes = 5.0 if minutes is None else minutes
        positive(minutes, "--minutes")
        raise typer.Exit(
            on_theirs(target, on, minutes, quick, claim, seed, (json_file, html_file), progress)
        )
    if target is not None:
        many = range(seed, seed + (seeds or 1))
        files = json_file, html_file, reproduce
        raise typer.Exit(on_drawn(target, quick, claim, families, many, files, progress))
    raise typer.Exit(_built_in(quick, json_file, progress))


def _built_in(quick: bool, json_file: Path | None, progress: bool) -> int:
    from metainfl.oracle.builtin_table import costs, survey

    rows: list[Any] = []
    try:
        with bar(progress, "rows", "judged", costs(quick)) as show:
            rows.extend(survey(quick, progress=show))
    except KeyboardInterrupt:  # what is done is kept
        if rows:
            print_survey(rows, json_file, whole=False)
        raise
    print_survey(rows, json_file, whole=True)
    return 0 if all(r.verdict == "holds" for r in rows) else 1


def _self(seeds: range, until_killed: bool, json_file: Path | None, progress: bool) -> int:
    from metainfl.oracle.self_check import self_check

    with bar(progress, "judgements") as show:
        found = self_check(until_killed=until_killed, seeds=seeds, progress=show)
    print_self_check(found, json_file)
    return 0 if found.passed else 1
