"""A question the ledger answers: its cells, how one is computed, and how the answer is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """`cells(quick)` lists parameters; `compute(**parameters)` gives numbers; `draw(axes, rows)` a figure.

    `asks` is the question in words, `read` how to read the figure; `columns` what its table shows.
    Entries of a result whose name starts with "cost" depend on the machine and are not compared.
    """

    name: str
    asks: str
    read: str
    cells: Callable[[bool], list[dict[str, Any]]]
    compute: Callable[..., dict[str, Any]]
    draw: Callable[[Axes, list[Row]], None]
    columns: tuple[str, ...]


QUESTIONS: dict[str, Question] = {}


def ask(question: Question) -> Question:
    """Register a question, in the order in which the page shows them."""
    QUESTIONS[question.name] = question
    return question
