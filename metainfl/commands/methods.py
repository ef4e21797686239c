"""`metainfl methods`: every named estimator, how it is called, what it estimates, and its test."""

from __future__ import annotations

from typing import Annotated

import typer

from metainfl.commands.refusal import Refused


def methods(
    word: Annotated[str, typer.Argument(help="Only those whose name or estimand has it.")] = "",
    markdown: Annotated[bool, typer.Option(help="Print a Markdown table.")] = False,
) -> None:
    """List the estimators of the literature that can be called, one a line.

    Exit status: 0, or 2 where none is called that.
    """
    from metainfl.errors import InvalidOption
    from metainfl.methods.catalogue import find
    from metainfl.report.tables import Grid, show

    try:
        found = find(word)
    except InvalidOption as error:
        raise Refused(str(error)) from None
    titles = ("estimator", "reads", "estimand", "callable", "test")
    rows = [(e.name, e.reads, e.estimand, e.path, e.test) for e in found]
    show(Grid(titles, rows), markdown=markdown)
