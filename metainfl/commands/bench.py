"""`metainfl bench`: the error ledger, resumable; `metainfl bench compare A B`."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.device import usable
from metainfl.commands.options import idle, only
from metainfl.commands.places import writable_folder
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused, listed
from metainfl.plain import write_json

LONGEST = 60
COSTS = """\
cost columns: wall time of this run over that of one meta-gradient (all tasks, once) in the same run.
They hold on this machine and at this size only: on small problems fixed costs of a call outweigh the
arithmetic, so the same six products can cost 0.4 or 2,000. Products and iterations are in the tables."""


def bench(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Questions to answer (all if none): see --list. Or: compare A B."),
    ] = None,
    families: Annotated[
        str | None, typer.Option(help="Only these families, separated by commas.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where production code runs: cpu, cuda, ...")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of results; go on with what is there.")] = Path(
        "ledger"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer families and points: under two minutes.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the questions and stop.")] = False,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Measure approximation error against cost, and write one HTML page.

    Results go to OUT/cells.jsonl one by one: killed at any point, the same command goes on where it
    stopped. Also written: report.html, figures/*.png and *.svg, tables/*.json, environment.json.
    Exit status: 0 when done (compare: nothing changed), 1 when a comparison found changes, 2 for bad
    arguments.
    """
    from metainfl.ledger.cost import cost
    from metainfl.ledger.run import cells_of, chosen, environment_file
    from metainfl.ledger.run import run as answer
    from metainfl.ledger.store import Store
    from metainfl.pools.alone import alone

    if names and names[0] == "compare":
        only(ctx, "compare, which reads two folders", ())
        raise typer.Exit(_compare(names[1:]))
    questions = chosen(names or [])
    if list_:
        only(ctx, "a list of questions", ("list_",))
        for q in questions:
            print(f"{q.name:14} {q.asks}")
        return
    if find_spec("matplotlib") is None:
        raise Refused("figures need matplotlib: pip install 'metainfl[bench]'")
    usable(device)
    work = cells_of(questions, quick, device=device)
    if device != "cpu" and not any("device" in c for _, c in work):
        idle(ctx, "these questions, which are answered on the CPU", ("device",))
    known = dict.fromkeys(c["family"] for _, c in work if "family" in c)
    if families is not None and not known:
        raise Refused("these questions have no families; leave it out", param_hint="--families")
    wanted = listed(families, list(known), "--families")
    if wanted:
        work = [(q, c) for q, c in work if c.get("family") in wanted]
    writable_folder(out, "--out")
    import torch

    torch.set_num_threads(1)  # small problems: threads cost more than they bring, and add noise
    with alone(out, "--out"):
        store = Store(out)
        environment_file(out)
        before = [0.0 for _, c in work if store.has(c)]
        costs = [*before, *(cost(q.name, c) for q, c in work if not store.has(c))]
        try:
            with bar(progress, "cells", "computed", costs) as show:
                answer(store, work, show)
        finally:  # Ctrl-C keeps what is done, and shows it
            _report(store, questions, work, out)


def _report(store: Any, questions: list[Any], work: list[tuple[Any, Any]], out: Path) -> None:
    from metainfl.report.figures import draw
    from metainfl.report.ledger_page import Answer, page
    from metainfl.report.tables import ledger_grid, show

    answers = []
    (out / "tables").mkdir(exist_ok=True)
    for q in questions:
        rows = store.of([c for own, c in work if own is q])
        if rows:
            figure = draw(q.name, q.draw, rows, out / "figures")
            answers.append(Answer(q.name, q.asks, q.read, q.columns, rows, figure))
            write_json(out / "tables" / f"{q.name}.json", rows)
    environment = json.loads((out / "environment.json").read_text())
    (out / "report.html").write_text(page(answers, environment, len(work)))
    done = sum(len(a.rows) for a in answers)
    if answers and len(answers[0].rows) <= LONGEST:  # a longer table is read in the page
        show(ledger_grid(answers[0].columns, answers[0].rows))
        if any(c.startswith("cost") for c in answers[0].columns):
            print(f"\n{COSTS}\n")
    print(f"{done} of {len(work)} cells done; {out / 'report.html'}")


def _compare(folders: list[str]) -> int:
    from metainfl.ledger.compare import compare

    if len(folders) != 2:
        raise Refused("compare takes two folders: metainfl bench compare A B")
    changes, left, right = compare(Path(folders[0]), Path(folders[1]))
    for c in changes:
        print(f"{c.cell}: {c.name}: {c.before} -> {c.after}")
    print(f"{len(changes)} numbers differ; {len(left)} cells only in A, {len(right)} only in B")
    return 1 if changes else 0
