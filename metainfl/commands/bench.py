"""`metainfl bench`: the error ledger, resumable; `metainfl bench compare A B`."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from metainfl.commands.progress import bar
from metainfl.errors import InvalidProblem
from metainfl.ledger.compare import compare
from metainfl.ledger.question import Question
from metainfl.ledger.run import cells_of, chosen, environment_file, run
from metainfl.ledger.store import Cell, Store
from metainfl.report.page import short

LONGEST = 60


def bench(
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
    progress: Annotated[bool, typer.Option(help="Show a progress bar on a terminal.")] = True,
) -> None:
    """Measure approximation error against cost, and write one HTML page.

    Results go to OUT/cells.jsonl one by one: killed at any point, the same command goes on where it
    stopped. Also written: report.html, figures/*.png and *.svg, tables/*.json, environment.json.
    Exit status: 0 when done (compare: nothing changed), 1 when a comparison found changes, 2 for bad
    arguments.
    """
    try:
        if names and names[0] == "compare":
            raise typer.Exit(_compare(names[1:]))
        questions = chosen(names or [])
        if list_:
            for q in questions:
                print(f"{q.name:14} {q.asks}")
            return
        if find_spec("matplotlib") is None:
            raise InvalidProblem("figures need matplotlib: pip install 'metainfl[bench]'")
        wanted = families.split(",") if families else []
        work = cells_of(questions, quick, wanted, device)
        if not work:
            raise InvalidProblem(f"no cell of these questions is about {families}")
        store = Store(out)
        environment_file(out)
    except InvalidProblem as error:
        raise typer.BadParameter(str(error)) from error
    import torch

    torch.set_num_threads(1)  # small problems: threads cost more than they bring, and add noise
    try:
        with bar(progress) as show:
            run(store, work, show)
    finally:  # Ctrl-C keeps what is done, and shows it
        _report(store, questions, work, out)


def _report(
    store: Store, questions: list[Question], work: list[tuple[Question, Cell]], out: Path
) -> None:
    from metainfl.report.figures import draw
    from metainfl.report.page import page

    answers = []
    (out / "tables").mkdir(exist_ok=True)
    for q in questions:
        rows = store.of([c for own, c in work if own is q])
        if rows:
            answers.append((q, rows, draw(q, rows, out / "figures")))
            (out / "tables" / f"{q.name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    environment = json.loads((out / "environment.json").read_text())
    (out / "report.html").write_text(page(answers, environment))
    done = sum(len(rows) for _, rows, _ in answers)
    if answers and len(answers[0][1]) <= LONGEST:  # a longer table is read in the page
        _print(answers[0][0], answers[0][1])
    print(f"{done} of {len(work)} cells done; {out / 'report.html'}")


def _print(question: Question, rows: list[dict[str, object]]) -> None:
    console = Console(width=max(Console().width, 150), highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for c in question.columns:
        table.add_column(c, no_wrap=True)
    for r in rows:
        values = [r.get(c) for c in question.columns]
        table.add_row(*(short(v) if isinstance(v, (int, float)) else str(v or "-") for v in values))
    console.print(table)


def _compare(folders: list[str]) -> int:
    if len(folders) != 2:
        raise InvalidProblem("compare takes two folders: metainfl bench compare A B")
    changes, left, right = compare(Path(folders[0]), Path(folders[1]))
    for c in changes:
        print(f"{c.cell}: {c.name}: {c.before} -> {c.after}")
    print(f"{len(changes)} numbers differ; {len(left)} cells only in A, {len(right)} only in B")
    return 1 if changes else 0
