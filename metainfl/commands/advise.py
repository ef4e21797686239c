"""`metainfl advise`: solver, damping and length of a series for a user's own problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from metainfl.commands.target import load
from metainfl.derive.problem import Problem
from metainfl.errors import MetainflError


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
) -> None:
    """Estimate your Hessian's spectrum and say which solver to use, and whether EK-FAC is safe.

    Exit status: 0, or 2 when the problem cannot be used as given.
    """
    from metainfl.advice.advise import advise as advice_on

    try:
        found = advice_on(_problem(target), error, measure=measure)
    except MetainflError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong
    print(found)
    if json_file is not None:
        json_file.write_text(json.dumps(found.as_dict(), indent=1) + "\n")


def _problem(target: str) -> Problem:
    if target == "digits":
        from metainfl.oracle.case import digits_case

        return digits_case(components=8).problem()
    value = load(target, callable_only=False)
    if not isinstance(value, Problem) and callable(value):
        value = value()
    if not isinstance(value, Problem):
        raise typer.BadParameter(f"{target!r} is a {type(value).__name__}, not a metainfl.Problem")
    return value
