"""Terminal tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from metainfl.oracle.builtin_table import Row
from metainfl.oracle.self_check import SelfCheck


def number(value: float) -> str:
    """Two digits, and a dash where there is nothing to report."""
    if math.isnan(value):
        return "-"
    return "0" if value == 0 else f"{value:.1e}"


def survey_table(rows: Sequence[Row]) -> Table:
    """The table of `metainfl check`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (
        ("method", "left"),
        ("family", "left"),
        ("n", "right"),
        ("T1 error", "right"),
        ("T2 error", "right"),
        ("T2 rank", "right"),
        ("claim", "left"),
        ("off by", "right"),
        ("allowed", "right"),
        ("verdict", "left"),
        ("time", "right"),
    ):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for r in rows:
        good = r.verdict == "holds"
        table.add_row(
            r.method,
            r.family,
            str(r.perturbations),
            number(r.t1_error),
            number(r.t2_error),
            "-" if math.isnan(r.t2_spearman) else f"{r.t2_spearman:.3f}",
            r.claim,
            number(r.claim_error),
            number(r.tolerance),
            "[green]holds[/green]" if good else "[red]FAILS[/red]",
            f"{r.seconds:.2f} s",
        )
    return table


def self_check_table(found: SelfCheck) -> Table:
    """The table of `metainfl check --self`: what each check kills, and what only it kills."""
    from metainfl.oracle.checks import CHECKS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("kills", justify="right")
    table.add_column("mutants that only it kills")
    sole = found.sole_killers
    for name in CHECKS:
        kills = sum(name in checks for checks in found.kills.values())
        table.add_row(name, str(kills), ", ".join(sole.get(name, [])))
    return table
