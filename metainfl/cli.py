"""The command line: `metainfl attribute`, `edit`, `check`, `bench`, `advise`, `scoreboard`, ...

Nothing here or in the command files imports torch before a command runs, so that help comes at once.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from metainfl.commands.advise import advise
from metainfl.commands.attribute import attribute
from metainfl.commands.bench import bench
from metainfl.commands.check import check
from metainfl.commands.edit import edit
from metainfl.commands.methods import methods
from metainfl.commands.options import Command
from metainfl.commands.plan import plan
from metainfl.commands.refusal import Commands
from metainfl.commands.report_environment import report_environment
from metainfl.commands.reproduce import reproduce
from metainfl.commands.scoreboard import scoreboard
from metainfl.commands.streams import streams, unwritable
from metainfl.report.environment import installed
from metainfl.scale.launch import WRITES, shared, started_by_torchrun

FAULT = 70  # EX_SOFTWARE: neither a claim that does not hold (1) nor a bad argument (2)

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # markup swallows "[peers]", and boxes do not fit narrow terminals
)
for command in (attribute, edit, plan, reproduce, check, methods, bench, advise, scoreboard):
    app.command(cls=Command)(command)
app.command("report-environment", cls=Command)(report_environment)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"metainfl {installed('metainfl')}, torch {installed('torch')}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Versions, and stop."),
    ] = False,
) -> None:
    """Influence functions for meta-learning, and the oracle that says whether they are right.

    Exit status of every command: 0 done, 1 a check failed (check, bench compare), 2 bad arguments, 130
    interrupted, 143 ended by SIGTERM; what was done by then is kept in both cases. What reproduce finds of
    the papers' claims is no failure.
    """


def _run(arguments: Sequence[str]) -> None:
    app(args=list(arguments), prog_name="metainfl")


def in_full(words: Sequence[str]) -> list[str]:
    """The arguments with every place to write to that the command has by default named among them."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    at = next((i for i, word in enumerate(words) if word in commands), None)
    if at is None:
        return list(words)
    named = {word.partition("=")[0] for word in words}
    more: list[str] = []
    for option in commands[words[at]].params:
        place = next((o for o in option.opts if o in WRITES), None)
        if place is not None and option.default is not None and place not in named:
            more += [place, str(option.default)]
    return [*words[: at + 1], *more, *words[at + 1 :]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (a claim does not hold), 2 (bad arguments), 130 (Ctrl-C), 143 (SIGTERM)
    or 70.
    """
    # torch.func loads its forward-mode decompositions through a deprecated torch.jit call.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    with streams():
        try:
            words = sys.argv[1:] if arguments is None else list(arguments)
            if started_by_torchrun():
                shared(_run, in_full(words))
            else:
                _run(words)
        except Exception as error:
            if unwritable(error):
                raise
            traceback.print_exc()
            print(
                "\nThis is a fault of metainfl. Please report it with the lines above and what "
                "`metainfl report-environment` prints.",
                file=sys.stderr,
            )
            raise SystemExit(FAULT) from None
