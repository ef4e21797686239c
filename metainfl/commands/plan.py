"""`metainfl plan`: how long training, attribution, removals and a game will take, and what they keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.asking import asked
from metainfl.commands.options import positive
from metainfl.commands.refusal import Refused

MOST = 10**9


def plan(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(help="As for `metainfl attribute`: a run, or a problem and its recipe.")
    ] = "digits",
    targets: Annotated[
        int, typer.Option(min=1, max=MOST, help="Targets that are asked about.")
    ] = 10,
    removals: Annotated[int, typer.Option(min=0, max=MOST, help="Removals to be run again.")] = 100,
    game: Annotated[int, typer.Option(min=0, max=MOST, help="Replays of a game of values.")] = 1000,
    speed: Annotated[
        float, typer.Option(min=1e-6, max=1e6, help="Of the machine meant, in units of this one.")
    ] = 1.0,
    ranks: Annotated[
        int, typer.Option(min=1, max=MOST, help="Processes that share the work, at best.")
    ] = 1,
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets; else METAINFL_DATA.")
    ] = None,
) -> None:
    """Predict time and memory from a few steps, on this machine and on one that you describe.

    Exit status: 0, or 2 when there is nothing to run.
    """
    from metainfl.report.tables import Grid, show
    from metainfl.scale.plan import plan as measured
    from metainfl.training import Run

    positive(speed, "--speed")
    question = asked(ctx, target, None, data)
    subject, recipe = question.subject, question.recipe
    if isinstance(subject, Run):
        problem, recipe = subject.program.problem, subject.recipe
        problem = problem.replaced(lam=subject.program.start.lam)
    elif recipe is None:
        raise Refused(
            "a problem alone is solved, not run: give it a metainfl.training.Recipe (return problem, recipe, "
            "targets), or ask `metainfl advise` what solving takes"
        )
    else:
        problem = subject
    found = measured(problem, recipe, question.targets)
    rows: list[Any] = found.rows(
        targets=targets, removals=removals, game=game, speed=speed, ranks=ranks
    )
    lines = [[r["what"], _time(r["seconds"]), _size(r["bytes"])] for r in rows]
    show(Grid(("what", "time", "memory of states"), lines, ("time", "memory of states")))
    print(
        f"{found.steps} steps, {found.tasks} tasks, {found.parameters} parameters; measured here: a step "
        f"{_time(found.step)}, its adjoint {_time(found.fixed + found.target)} for one target and "
        f"{_time(found.target)} for each more"
    )


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _size(size: float) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size:.0f} B"
