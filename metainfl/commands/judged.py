"""What `metainfl check` says of the built-in methods and of the oracle itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metainfl.plain import write_json
from metainfl.report.environment import environment

LEGEND = """\
n          how many tasks or instances the method was asked about
T1 error   relative error against the exact derivative d lam*/d weight
T2 error   relative error of the predicted removal against solving again without the datum
T2 rank    Spearman correlation of predicted and true size of the shift, over the data
off by     relative error against what the method claims to compute; a claim holds when that is
           within what rounding allows (16 p eps cond(H) cond(inner), plus the truth's own bound)"""

NEXT = """\
Your own method is any callable method(problem, perturbations) -> (n, p):
    metainfl check your.module:method
See docs/judge_your_method.md."""


def print_self_check(found: Any, json_file: Path | None) -> None:
    """What the oracle kills, misses and wrongly fails."""
    from metainfl.oracle.checks import CHECKS
    from metainfl.report.tables import self_check_grid, show

    if found.whole:
        show(self_check_grid(list(CHECKS), found.kills, found.sole_killers))
    else:
        print(
            "each wrong method was asked until killed; without --quick a table shows what each check kills"
        )
    killed = len(found.kills) - len(found.survivors)
    print(f"\nmutation score: {killed} of {len(found.kills)} wrong methods killed")
    print(f"false alarms: {len(found.alarms)} in {found.right_runs} judgements of right methods")
    print(found.names)
    for name, words in found.names.wrong.items():
        print(f"wrong name: {name}: {words}")
    for name in found.survivors:
        print(f"survived: {name}")
    for name in found.idle:
        print(f"kills nothing: {name}")
    for words in found.unseen:
        print(f"its witness passed: {words}")
    for name, outcomes in found.alarms.items():
        for o in outcomes:
            print(f"false alarm: {name}: {o.check}: " + "; ".join(o.lines()))
    if json_file is not None:
        data = {
            "environment": environment(),
            "every_check_made": found.whole,
            "kills": found.kills,
            "diagnoses": found.diagnoses,
            "names": {
                "right": len(found.names.right),
                "withheld": sorted(found.names.withheld),
                "wrong": found.names.wrong,
            },
            "sole_killers": found.sole_killers,
            "survivors": found.survivors,
            "false_alarms": {k: [o.as_dict() for o in v] for k, v in found.alarms.items()},
            "right_judgements": found.right_runs,
        }
        write_json(json_file, data)


def print_survey(rows: Sequence[Any], json_file: Path | None, whole: bool) -> None:
    """The built-in methods, one a row."""
    from metainfl.report.tables import show, survey_grid

    show(survey_grid([r.as_dict() for r in rows]))
    print()
    print(LEGEND)
    for r in rows:
        if r.note:
            print(f"{r.method} on {r.family}: {r.note}")
    held = sum(r.verdict == "holds" for r in rows)
    so_far = "" if whole else " so far; the other rows were not judged"
    print(f"\n{held} of {len(rows)} claims hold{so_far}.")
    if whole:
        print(NEXT)
    if json_file is not None:
        data = {
            "environment": environment(),
            "complete": whole,
            "rows": [r.as_dict() for r in rows],
        }
        write_json(json_file, data)
