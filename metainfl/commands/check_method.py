"""One method of somebody's judged from the command line: on drawn problems, or on a problem of theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from metainfl.commands.progress import bar
from metainfl.commands.refusal import listed
from metainfl.commands.target import load


def on_drawn(
    target: str,
    quick: bool,
    claim: str | None,
    families: str | None,
    seeds: range,
    files: tuple[Path | None, Path | None, Path | None],
    progress: bool,
) -> int:
    """The exit status: 1 if the method fails at one of the seeds. The first report that fails is printed."""
    from metainfl.methods.claim import Claim
    from metainfl.oracle.verdict import check_method
    from metainfl_reference.families import FAMILIES

    only = listed(families, list(FAMILIES), "--families")
    claimed = Claim.parse(claim) if claim else None
    method = load(target)
    json_file, html_file, folder = files
    shown, failed = None, list[int]()
    for seed in seeds:
        with bar(progress, "checks", "judged") as show:
            report = check_method(
                method, claim=claimed, families=only, quick=quick, seed=seed, progress=show,
                reproduce=None if folder is None or failed else folder,
            )  # fmt: skip
        if not report.passed:
            failed.append(seed)
        if shown is None or (shown.passed and not report.passed):
            shown = report  # the first that fails, else the first
        if report.interrupted:
            break
    assert shown is not None
    report = shown
    print(report)
    if len(seeds) > 1:
        at = f", fails at {', '.join(map(str, failed))}; shown: {report.seed}" if failed else ""
        print(f"judged at {len(seeds)} seeds{at}")
    return _ended(report, json_file, html_file, show)


def _ended(report: Any, json_file: Path | None, html_file: Path | None, show: Any) -> int:
    """The exit status, once the files are written."""
    if json_file is not None:
        report.to_json(json_file)
    if html_file is not None:
        report.to_html(html_file)
    if report.interrupted:
        raise KeyboardInterrupt(show.left())
    return 0 if report.passed else 1


def on_theirs(
    target: str,
    on: str,
    minutes: float,
    quick: bool,
    claim: str | None,
    seed: int,
    files: tuple[Path | None, Path | None],
    progress: bool,
) -> int:
    """The exit status: 1 if the method fails on the problem that `on` names. Failures have their code."""
    from metainfl.commands.asking import made
    from metainfl.derive.problem import Problem
    from metainfl.methods.claim import Claim
    from metainfl.oracle.verdict import check_method

    claimed, method = Claim.parse(claim) if claim else None, load(target)
    there = made(on, (Problem, tuple), progress)
    with bar(progress, "checks", "judged") as show:
        report = check_method(
            method, claim=claimed, on=there, minutes=minutes, quick=quick, seed=seed, progress=show
        )
    again = (
        "from metainfl.commands.asking import made; from metainfl.commands.target import load; "
        "from metainfl.oracle import Claim, check_method; from metainfl.derive.problem import Problem; "
        f"print(check_method(load({target!r}), on=made({on!r}, (Problem, tuple)), "
        f"quick={quick}, seed={seed}, "
        f"claim={f'Claim.parse({claim!r})' if claim else None}, in_process=True, checks=[NAME]))"
    )
    coded = [
        replace(o, code=again.replace("NAME", repr(o.check))) if o.status == "fail" else o
        for o in report.outcomes
    ]
    report = replace(report, outcomes=coded)
    print(report)
    return _ended(report, *files, show)
