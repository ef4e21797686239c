"""`metainfl advise`: for a problem solver, damping and length of a series; for a run what it can answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.asking import made
from metainfl.commands.options import idle
from metainfl.commands.places import writable_files
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused
from metainfl.errors import MetainflError
from metainfl.plain import write_json


def advise(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            help="Your problem or training run, or a function that makes it (or what `metainfl attribute` "
            'takes), as package.module:object or file.py:object; or "digits" for the built-in digit tasks.'
        ),
    ],
    error: Annotated[float, typer.Option(help="The relative error you can live with.")] = 1e-2,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also try the recommendation and measure its error; of a run remove a few tasks, and train "
            "again with each change that may make it smoother (three trainings each).",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the advice as JSON to this file.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Of a problem: the Hessian's spectrum, which solver to use, and whether EK-FAC is safe. Of a training
    run: how smooth it is, what its derivative can say, what that costs, and what would make it smoother.

    Exit status: 0, or 2 when problem or run cannot be used as given.
    """
    from metainfl.advice.advise import advise as advice_on
    from metainfl.advice.advise_run import advise_run
    from metainfl.derive.problem import Problem
    from metainfl.errors import Interrupted

    if not 0 < error < 1:
        raise Refused(f"an error lies between 0 and 1, got {error:g}", param_hint="--error")
    writable_files({"--json": json_file}, target)
    subject, targets = _subject(target, progress)
    if isinstance(subject, Problem):
        _there(subject)
    else:
        idle(ctx, "a training run, whose derivative is exact", ("error",))
    found: Any
    try:
        with bar(progress, "stages") as show:
            if isinstance(subject, Problem):
                found = advice_on(subject, error, measure=measure, progress=show)
            else:
                found = advise_run(subject, targets, measure=measure, progress=show)
    except Interrupted as stopped:
        if stopped.result is not None:
            print(stopped.result)
        raise
    print(found)
    if json_file is not None:
        write_json(json_file, found.as_dict())


def _there(problem: Any) -> None:
    """Refuse a problem without lam; whoever trained one has a run to name."""
    try:
        _ = problem.lam
    except MetainflError as error:
        raise Refused(
            f"{error}; or give the run, where the problem was trained (a metainfl.training.Run)"
        ) from None


def _subject(target: str, progress: bool) -> tuple[Any, Any]:
    """A problem, or a finished run with its targets where it has some."""
    from metainfl.attribution.question import question
    from metainfl.derive.problem import Problem
    from metainfl.training import Run, train

    if target == "digits":
        from metainfl.oracle.cases import digits_case

        return digits_case(components=8).problem(), None
    value = made(target, (Problem, Run))
    if isinstance(value, (Problem, Run)):
        return value, None
    try:
        asked = question(value)
    except MetainflError as error:
        raise Refused(
            f"{target!r} is a {type(value).__name__}, not a metainfl.Problem or a metainfl.training.Run; "
            f"name one, or a function without arguments that returns one, or what attribute takes ({error})"
        ) from None
    if asked.recipe is not None:
        assert isinstance(asked.subject, Problem)
        return train(asked.subject, asked.recipe, progress=progress), asked.targets
    return asked.subject, asked.targets
