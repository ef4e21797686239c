"""The command line: `metainfl check`, `bench`, `advise`, `scoreboard`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import typer

from metainfl.commands.advise import advise
from metainfl.commands.bench import bench
from metainfl.commands.check import check
from metainfl.commands.scoreboard import scoreboard

app = typer.Typer(
    help="Influence functions for meta-learning, and the oracle that says whether they are right.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(check)
app.command()(bench)
app.command()(advise)
app.command()(scoreboard)


@app.callback()
def _root() -> None:
    """Influence functions for meta-learning, and the oracle that says whether they are right."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 1 (a claim does not hold) or 2 (bad arguments)."""
    # torch.func loads its forward-mode decompositions through a deprecated torch.jit call.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    try:
        app(args=None if arguments is None else list(arguments), prog_name="metainfl")
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        raise SystemExit(130) from None
