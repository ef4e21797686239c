"""The question of `metainfl attribute` and `metainfl edit`, from a name on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from metainfl.commands.options import idle
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused
from metainfl.commands.target import importable, load, run


def asked(ctx: typer.Context, target: str, targets: str | None, data: Path | None) -> Any:
    """The `Question` that `target` names or makes, or a built-in one; a sentence where there is none."""
    from metainfl.attribution.example import EXAMPLES, example
    from metainfl.attribution.question import FORMS, Question, question
    from metainfl.data.readers import BUNDLED
    from metainfl.derive.problem import Problem
    from metainfl.errors import InvalidProblem
    from metainfl.problem.tasks import Tasks
    from metainfl.training import Run

    if target in EXAMPLES:
        idle(
            ctx, f"the built-in question {target}, which has targets of its own", ("target_tasks",)
        )
        if target in BUNDLED:
            idle(ctx, f"{target}, whose data come with scikit-learn", ("data",))
        return example(target, data)
    if ":" not in target:
        raise Refused(
            f"{target!r} is neither {' nor '.join(EXAMPLES)} nor of the form file.py:object; there, {FORMS}"
        )
    idle(ctx, "a question of your own, which reads its data itself", ("data",))
    shown = bool(ctx.params.get("progress", True))
    value = made(target, (Problem, Run, Question, tuple, list), shown)
    extra = None
    if targets is not None:
        extra = made(targets, (Tasks,), shown)
        if not isinstance(extra, Tasks):
            raise Refused(
                f"{targets!r} is a {type(extra).__name__}, not metainfl.Tasks; name tasks that training has "
                "not seen, or a function that returns them",
                param_hint="--targets",
            )
    try:
        return question(value, extra)
    except InvalidProblem as error:
        raise Refused(f"{target}: {error}") from error


def made(target: str, known: tuple[type, ...], progress: bool = True) -> Any:
    """What `target` names, or, where it is of no `known` type and can be called, what it returns.

    A call may train a network: how long it has been is told.
    """
    value = load(target, callable_only=False)
    if isinstance(value, known) or not callable(value):
        return value
    folder = str(Path(target.partition(":")[0]).resolve().parent)
    # it may import its neighbours only when it is called
    with importable(folder), bar(progress, "steps") as show:
        show(0, 0, f"calling {target}")
        return run(f"calling {target} without arguments", value)
