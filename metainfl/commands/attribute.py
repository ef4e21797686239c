"""`metainfl attribute`: which training tasks and instances hurt or help, with pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.asking import asked
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused, new_folder


def attribute(
    target: Annotated[
        str,
        typer.Argument(
            help="Your question as package.module:object or file.py:object: a function without arguments "
            "that returns run, targets; or problem, targets; or problem, recipe, targets. "
            'Or "digits", or "omniglot" with --data.'
        ),
    ] = "digits",
    targets: Annotated[
        str | None,
        typer.Option(help="Target tasks as file.py:object, in place of the question's own."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for page, tables and what is kept to go on from.")
    ] = Path("attribution"),
    top: Annotated[int, typer.Option(min=1, max=100, help="Tasks and instances to show.")] = 6,
    reruns: Annotated[int, typer.Option(min=0, help="Removals to do for real, to confirm.")] = 8,
    minutes: Annotated[float, typer.Option(help="Fewer removals where they take longer.")] = 5.0,
    seeds: Annotated[
        int, typer.Option(min=0, help="More training runs, for intervals of the scores.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Removals at once.")] = 1,
    backend: Annotated[
        str, typer.Option(help="Where they run: loky (here), dask, dask=tcp://host:port, or ray.")
    ] = "loky",
    image: Annotated[
        str | None, typer.Option(help="Shape of an instance as a picture: HxW or CxHxW.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets; else METAINFL_DATA.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Say which training tasks and instances hurt or help your targets, and confirm it.

    Looks at what it is given, chooses the estimator, says why and what it will cost. Writes index.html with
    pictures, attribution.json, tasks.csv and instances.csv into --out. Interrupted or killed, the same
    command goes on. Exit status: 0, or 2 when the question cannot be answered as given.
    """
    from metainfl.attribution import attribute as answer
    from metainfl.attribution.pictures import shape_of, square
    from metainfl.scale.pool import backend as pool
    from metainfl.scale.pool import checked

    if not minutes > 0:
        raise Refused(f"minutes must be positive, got {minutes:g}", param_hint="--minutes")
    checked(backend)
    with new_folder(out, "--out"):
        question = asked(target, targets, data)
        shape = shape_of(question.tasks, _shape(image) or question.image)
    with bar(progress, "stages") as show, pool(backend, jobs):
        found = answer(
            question,
            reruns=reruns,
            minutes=minutes,
            seeds=seeds,
            jobs=jobs,
            store=out,
            progress=progress,
            tell=show,
            say=print,
            keep=lambda found: write(found, question, shape, out, top, target),
        )
    write(found, question, shape, out, top, target)
    _print(found, top)
    if shape is None and (guess := square(question.tasks)):
        print(f"instances are shown as numbers; if they are pictures, add --image {guess}")
    print(f"page with pictures: {out / 'index.html'}")


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(n) for n in text.lower().split("x"))
    except ValueError:
        raise Refused(
            f"{text!r} is no shape; write 28x28, or 3x84x84", param_hint="--image"
        ) from None


def write(
    found: Any, question: Any, shape: tuple[int, ...] | None, out: Path, top: int, target: str
) -> None:
    """Page, JSON and both tables."""
    from metainfl.attribution.pictures import Pictures
    from metainfl.attribution.result import as_csv
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
        ("Remove the tasks that you do not want and train again:",
         f"metainfl edit {target} --remove {removed or '3,17'} --out edited"),
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
    (out / "attribution.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    (out / "tasks.csv").write_text(as_csv(plain["tasks"]), encoding="utf-8")
    (out / "instances.csv").write_text(as_csv(rows), encoding="utf-8")


def _print(found: Any, top: int) -> None:
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
