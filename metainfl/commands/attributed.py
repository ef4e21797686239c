"""What `metainfl attribute` leaves behind: page, JSON and tables; and what it prints."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

from metainfl.plain import write_json


def write(
    found: Any,
    question: Any,
    shape: tuple[int, ...] | None,
    out: Path,
    top: int,
    target: str,
    more: str,
) -> None:
    """Page, JSON and both tables; `more` are the options that the next command repeats."""
    from metainfl.attribution.as_csv import as_csv
    from metainfl.attribution.pictures import Pictures
    from metainfl.attribution.shown import Shown
    from metainfl.report.attribution_page import page
    from metainfl.report.environment import environment

    shown = Shown(
        question.tasks,
        found,
        None if shape is None else Pictures(question.tasks, shape, question.centre),
    )
    plain = found.as_dict()
    rows = found.instance_rows()
    picked = {
        sign: [
            shown.instance(found.instances[i])
            for i in found.instance_order[:: 1 if sign < 0 else -1][:top]
            if sign * float(found.instance_scores[i].mean()) > 0
        ]
        for sign in (-1, 1)
    }
    worst = found.harmful(top)
    removed = ",".join(map(str, worst))
    steps = [
        first_step(target, more, removed, bool(found.doubt)),
        ("Ask a question of your own data:", "metainfl attribute your_file.py:question"),
    ]  # fmt: skip
    text = page(
        f"Attribution of {target}",
        plain,
        [shown.task(k) for k in worst],
        [shown.task(k) for k in found.helpful(top)],
        picked[-1],
        picked[1],
        steps,
        environment(),
    )
    (out / "index.html").write_text(text, encoding="utf-8")
    plain["environment"] = environment()
    write_json(out / "attribution.json", plain)
    (out / "tasks.csv").write_text(as_csv(plain["tasks"]), encoding="utf-8")
    (out / "instances.csv").write_text(as_csv(rows), encoding="utf-8")


def first_step(target: str, more: str, removed: str, doubted: bool) -> tuple[str, str]:
    """What to do next, and the command: remove; or, where scores are doubted, find out why.

    `advise` takes a problem or run of one's own, without options of the question; of the built-in questions
    more removals for real can be asked.
    """
    if not doubted:
        command = f"metainfl edit {quote(target)}{more} --remove {removed or '3,17'} --out edited"
        return "Remove the tasks that you do not want and train again:", command
    if ":" in target:
        command = f"metainfl advise {quote(target)} --measure"
        return "Do not remove by these scores. See what would make them predictions:", command
    command = f"metainfl attribute {quote(target)}{more} --reruns 20"
    return "Do not remove by these scores. Do more removals for real:", command


def print_table(found: Any, top: int) -> None:
    """The worst and the best tasks, and what confirms them."""
    from metainfl.report.tables import Grid, short, show

    half = found.half_width
    confirmed = found.confirmation
    true = {}
    if confirmed is not None:
        changes = confirmed.reruns.true.mean(1).tolist()
        true = dict(zip(confirmed.tasks, changes, strict=False))

    def line(k: int) -> list[str]:
        words = [str(found.order.index(k) + 1), found.names[k], short(float(found.tasks[k].mean()))]
        words.append("-" if half is None else short(float(half[k])))
        return [*words, short(true[k]) if k in true else "-"]

    if "smooth" in found.facts:
        print(found.facts["smooth"])
    titles = ("rank", "task", "score", "+-", "removed for real")
    rows = [line(k) for k in found.harmful(top)] + [line(k) for k in found.helpful(top)[::-1]]
    show(Grid(titles, rows, ("rank", "score", "+-", "removed for real")))
    print("score: change of the targets' loss without the task; below 0 it hurts them")
    if confirmed is not None:
        print(confirmed)
    if found.doubt:
        print(f"{found.doubt}. Do not remove by these scores")
