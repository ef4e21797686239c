"""`metainfl attribute`: which training tasks and instances hurt or help, with pictures."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Annotated

import typer

from metainfl.commands.asking import asked
from metainfl.commands.attributed import print_table, write
from metainfl.commands.options import again, here, idle, positive
from metainfl.commands.places import new_folder
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused


def attribute(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            help="Your question as package.module:object or file.py:object: a function without arguments "
            "that returns run, targets; or problem, targets; or problem, recipe, targets. "
            'Or "digits", or "omniglot" with --data.'
        ),
    ] = "digits",
    target_tasks: Annotated[
        str | None,
        typer.Option(
            "--targets", help="Target tasks as file.py:object, in place of the question's own."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for page, tables and what is kept to go on from.")
    ] = Path("attribution"),
    top: Annotated[int, typer.Option(min=1, max=100, help="Tasks and instances to show.")] = 6,
    reruns: Annotated[
        int, typer.Option(min=0, max=10**6, help="Removals to do for real, to confirm.")
    ] = 8,
    minutes: Annotated[float, typer.Option(help="Fewer removals where they take longer.")] = 5.0,
    seeds: Annotated[
        int, typer.Option(min=0, max=10**4, help="More training runs, for intervals of the scores.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, max=4096, help="Removals at once.")] = 1,
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
    from metainfl.pools import backend as pool
    from metainfl.pools import checked

    positive(minutes, "--minutes")
    checked(backend)
    here(ctx, jobs, reruns)
    if not reruns:
        idle(ctx, "an answer without removals (--reruns 0)", ("minutes",))
    before = _titled(out / "index.html")
    with new_folder(out, "--out"):
        question = asked(ctx, target, target_tasks, data)
        shape = shape_of(question.tasks, _shape(image) or question.image)
        more = again(ctx, ("target_tasks", "data"))  # what `edit` has to be told, too
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
                keep=lambda found: write(found, question, shape, out, top, target, more),
            )
    write(found, question, shape, out, top, target, more)
    print_table(found, top)
    if before is not None and before != f"Attribution of {target}":
        print(f"{out} had another page, {before!r}, which is replaced; --out keeps them apart")
    if shape is None and (guess := square(question.tasks)):
        print(f"instances are shown as numbers; if they are pictures, add --image {guess}")
    print(f"page with pictures: {out / 'index.html'}")


def _titled(page: Path) -> str | None:
    """What a page that is there already is about."""
    if not page.is_file():
        return None
    text = page.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"<title>(?:metainfl: )?(.*?)</title>", text, re.DOTALL)
    return unescape(found[1]) if found else page.name


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(n) for n in text.lower().split("x"))
    except ValueError:
        raise Refused(
            f"{text!r} is no shape; write 28x28, or 3x84x84", param_hint="--image"
        ) from None
