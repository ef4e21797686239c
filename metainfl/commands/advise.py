"""`metainfl advise`: solver, damping and length of a series for a user's own problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused, writable_file
from metainfl.commands.target import importable, load, run


def advise(
    target: Annotated[
        str,
        typer.Argument(
            help="Your problem, or a function that makes it, as package.module:object or "
            'file.py:object; or "digits" for the built-in digit tasks.'
        ),
    ],
    error: Annotated[float, typer.Option(help="The relative error you can live with.")] = 1e-2,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also try the recommendation and measure its error.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the advice as JSON to this file.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Estimate your Hessian's spectrum and say which solver to use, and whether EK-FAC is safe.

    Exit status: 0, or 2 when the problem cannot be used as given.
    """
    from metainfl.advice.advise import advise as advice_on

    writable_file(json_file, "--json")
    problem = _problem(target)
    with bar(progress, "stages") as show:
        found = advice_on(problem, error, measure=measure, progress=show)
    print(found)
    if json_file is not None:
        json_file.write_text(json.dumps(found.as_dict(), indent=1) + "\n")


def _problem(target: str) -> Any:
    from metainfl.derive.problem import Problem

    if target == "digits":
        from metainfl.oracle.case import digits_case

        return digits_case(components=8).problem()
    value = load(target, callable_only=False)
    if not isinstance(value, Problem) and callable(value):
        folder = str(Path(target.partition(":")[0]).resolve().parent)
        with importable(folder):  # it may import its neighbours only when it is called
            value = run(f"calling {target} without arguments", value)
    if not isinstance(value, Problem):
        raise Refused(
            f"{target!r} is a {type(value).__name__}, not a metainfl.Problem; name a problem, or a "
            "function without arguments that returns one"
        )
    return value
