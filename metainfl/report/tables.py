"""Tables on a terminal and in a pipe, from plain data."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD, BAD = ("holds", "ok"), ("FAILS", "FAIL")
WIDE = 100_000  # columns of a pipe: nothing is cut there
SURVEY = {
    "method": "method",
    "family": "family",
    "n": "perturbations",
    "T1 error": "t1_error",
    "T2 error": "t2_error",
    "T2 rank": "t2_spearman",
    "claim": "claim",
    "off by": "claim_error",
    "allowed": "tolerance",
    "verdict": "verdict",
    "time": "seconds",
}


@dataclass(frozen=True)
class Grid:
    """A table as words: titles, rows, and which columns hold numbers."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[str] = ()


def show(grid: Grid, *, markdown: bool = False, width: int | None = None) -> None:
    """Print a table: whole in a pipe; on a terminal too narrow for it, a block of lines a row.

    `width` is the terminal's unless given.
    """
    if markdown:
        lines = (grid.titles, ["---" for _ in grid.titles], *grid.rows)
        print("\n".join("| " + " | ".join(cells) + " |" for cells in lines))
        return
    terminal = sys.stdout.isatty() or width is not None
    console = Console(width=width if terminal else WIDE, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in grid.titles:
        table.add_column(title, justify="right" if title in grid.numbers else "left", no_wrap=True)
    for row in grid.rows:
        table.add_row(*(_coloured(cell) for cell in row))
    if console.measure(table, options=console.options.update(width=WIDE)).maximum <= console.width:
        console.print(table)
        return
    blocks = Table.grid(padding=(0, 2))
    for row in grid.rows:
        for title, cell in zip(grid.titles, row, strict=True):
            if cell not in ("", "-"):
                blocks.add_row(Text(title, style="bold", no_wrap=True), _coloured(cell))
        blocks.add_row("", "")
    console.print(blocks)


def _coloured(cell: str) -> Text:
    return Text(cell, style="green" if cell in GOOD else "red" if cell in BAD else "")


def number(value: float | None) -> str:
    """Two digits, and a dash where there is nothing to report."""
    if value is None or value != value:
        return "-"
    return "0" if value == 0 else f"{value:.1e}"


def rank(value: float | None) -> str:
    """A correlation to three digits, or a dash."""
    return "-" if value is None or value != value else f"{value:.3f}"


def survey_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """The table of `metainfl check`."""
    words = {
        "T1 error": number,
        "T2 error": number,
        "T2 rank": rank,
        "off by": number,
        "allowed": number,
        "time": lambda seconds: f"{seconds:.2f} s",
    }
    lines = [[words.get(t, str)(r[key]) for t, key in SURVEY.items()] for r in rows]
    return Grid(list(SURVEY), lines, ("n", *words))


def self_check_grid(
    checks: Sequence[str], kills: Mapping[str, Sequence[str]], sole: Mapping[str, Sequence[str]]
) -> Grid:
    """The table of `metainfl check --self`: what each check kills, and what only it kills."""
    lines = [
        [name, str(sum(name in by for by in kills.values())), ", ".join(sole.get(name, []))]
        for name in checks
    ]
    return Grid(("check", "kills", "mutants that only it kills"), lines, ("kills",))


def scoreboard_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """The table of `metainfl scoreboard`."""
    titles = "library", "method", "verdict", "error", "rescaled", "rank", "time", "what it computes"
    lines = [
        [
            f"{r['library']} {r['version']}",
            r["method"],
            r["verdict"],
            number(r["error"]),
            number(r["rescaled"]),
            rank(r["spearman"]),
            f"{r['seconds']:.2f} s",
            r["computes"],
        ]
        for r in rows
    ]
    return Grid(titles, lines, ("error", "rescaled", "rank", "time"))


def ledger_grid(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Grid:
    """The table of one question of the ledger; a row that failed says why in its last column."""
    lines = [[*(_word(r.get(c)) for c in columns), str(r.get("failed", ""))] for r in rows]
    numeric = [c for c in columns if any(isinstance(r.get(c), (int, float)) for r in rows)]
    if any(line[-1] for line in lines):
        return Grid([*columns, "failed"], lines, numeric)
    return Grid(list(columns), [line[:-1] for line in lines], numeric)


def _word(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return short(value) if value == value else "-"
    return "-" if value is None else str(value)


def short(value: float) -> str:
    """Three digits, powers of ten where they help."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value)}" if abs(value) < 1e5 else f"{value:.0e}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"
