"""`metainfl edit`: the training run without some tasks or instances, and what that changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.asking import asked
from metainfl.commands.places import new_folder
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused, once
from metainfl.plain import write_json


def edit(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="As for `metainfl attribute`.")],
    remove: Annotated[
        str,
        typer.Option(help="What to leave out: tasks 3,17; instances support:3.1 or query:3.1."),
    ],
    target_tasks: Annotated[
        str | None,
        typer.Option(
            "--targets", help="Target tasks as file.py:object, in place of the question's own."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the new meta-parameters.")] = Path("edited"),
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets; else METAINFL_DATA.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Remove tasks or instances, train or solve again, and write the new meta-parameters.

    A run is run again with the same seed and the rest of its data; a problem at a minimiser is solved
    again. Writes lam.safetensors (lam, and the one before) and edit.json, and prints each target's loss
    before and after. Exit status: 0, or 2 when it cannot be done as given.
    """
    from metainfl.attribution.edit import something_left, without
    from metainfl.report.tables import Grid, short, show
    from metainfl.scale.saved import save_tensors

    what = removals(remove)
    with new_folder(out, "--out"):
        question = asked(ctx, target, target_tasks, data)
        something_left(question, what)
        with bar(progress, "stages") as tell:
            done = without(question, what, store=out, progress=progress, tell=tell)
    save_tensors(out / "lam.safetensors", lam=done.lam, before=done.before)
    plain: dict[str, Any] = {
        "removed": [str(p) for p in what],
        "how": done.how,
        "target_losses_before": done.losses_before.tolist(),
        "target_losses": done.losses.tolist(),
    }
    write_json(out / "edit.json", plain)
    pairs = zip(done.losses_before.tolist(), done.losses.tolist(), strict=True)
    rows = [[str(t), short(a), short(b), short(b - a)] for t, (a, b) in enumerate(pairs)]
    show(Grid(("target", "loss before", "loss after", "change"), rows, ("target", "loss before")))
    print(f"{done.how}; new meta-parameters: {out / 'lam.safetensors'}")


def removals(text: str) -> list[Any]:
    """`3,17,query:2.4` as perturbations."""
    from metainfl.problem.perturbation import query, support, task

    made = {"support": support, "query": query}
    out: list[Any] = []
    for word in filter(None, (w.strip() for w in text.split(","))):
        found = re.fullmatch(r"(?:(support|query):(\d+)\.(\d+)|(\d+))", word)
        if not found:
            raise Refused(
                f"cannot read {word!r}; write tasks as 3,17 and instances as support:3.1 or query:3.1",
                param_hint="--remove",
            )
        side, k, j, whole = found.groups()
        out.append(task(int(whole)) if whole else made[side](int(k), int(j)))
    if not out:
        raise Refused("nothing to remove; write tasks as 3,17", param_hint="--remove")
    once([str(p) for p in out], "--remove")
    return out
