"""`metainfl reproduce`: the papers' tables and figures, tried, with a verdict a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from metainfl.commands.device import usable
from metainfl.commands.options import here, idle, only
from metainfl.commands.places import writable_folder
from metainfl.commands.progress import bar
from metainfl.commands.refusal import Refused


def reproduce(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help='Experiments, a paper\'s (002), or "all". Without any, they are listed.'
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="small: minutes on two cores; paper: the paper's sizes, real data; medium: between."
        ),
    ] = "small",
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets; else METAINFL_DATA.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for cells, results, figures and page.")] = Path(
        "reproduced"
    ),
    seeds: Annotated[
        int | None, typer.Option(min=1, max=10**4, help="Seeds; fewer than five decide nothing.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=4096, help="Seeds at once.")] = 1,
    backend: Annotated[
        str, typer.Option(help="Where they run: loky (here), dask, dask=tcp://host:port, or ray.")
    ] = "loky",
    device: Annotated[
        str, typer.Option(help="Where networks are trained, such as cuda; most of 004 trains none.")
    ] = "cpu",
    markdown: Annotated[bool, typer.Option(help="Print the verdicts as a Markdown table.")] = False,
    progress: Annotated[bool, typer.Option(help="Show how far it is, on stderr.")] = True,
) -> None:
    """Try what the papers claim: each claim holds, does not hold, or cannot be told here, and why.

    Every seed is kept, and the long steps within one: killed at any point, the same command goes on.
    Writes a result and a figure an experiment, and index.html with all that the folder holds. Exit
    status: 0, or 2 when it cannot be done as given.
    """
    from metainfl.experiments import EXPERIMENTS, find, named, reproduced
    from metainfl.experiments.experiment import SIZES
    from metainfl.experiments.results import results
    from metainfl.pools import backend as pool
    from metainfl.pools import checked
    from metainfl.report.environment import environment
    from metainfl.report.reproduce_page import page

    if size not in SIZES:
        raise Refused(
            f"there is no size {size!r}; there are {', '.join(SIZES)}", param_hint="--size"
        )
    if not names:
        only(ctx, "the list of experiments", (), "name an experiment, or leave it out")
        _listed(EXPERIMENTS)
        return
    chosen, without = named(names), []
    for name in chosen:
        if name in names:
            find(name).at(size)
        elif size not in find(name).sizes:
            without.append(name)
    chosen = [n for n in chosen if n not in without]
    if not chosen:
        raise Refused(f"no experiment of {', '.join(names)} has a size {size}", param_hint="--size")
    if without:
        typer.echo(f"without a size {size}, and left out: {', '.join(without)}", err=True)
    if size == "small" and data is not None:
        typer.echo("the small size reads scikit-learn's data: --data is not read", err=True)
    checked(backend)
    usable(device)
    if device != "cpu" and not any(find(n).trains for n in chosen):
        idle(ctx, "experiments that train no network", ("device",))
    here(ctx, jobs, 1)
    writable_folder(out, "--out")
    options: dict[str, Any] = {"size": size, "out": out, "seeds": seeds, "data": data}
    done, watch = [], None
    try:
        unit = f"seeds of {chosen[0]}" if len(chosen) == 1 else "seeds"
        with bar(progress, unit) as watch, pool(backend, jobs):
            for found in reproduced(chosen, **options, jobs=jobs, device=device, tell=watch):
                done.append(found)
                text = page(results(out), out, environment())
                (out / "index.html").write_text(text, encoding="utf-8")
    except KeyboardInterrupt as error:
        left = "nothing was finished yet" if watch is None else watch.left()
        raise KeyboardInterrupt(
            f"{left}. What was done of them is kept in {out}: the same command goes on"
        ) from error
    _verdicts(sorted(done, key=lambda r: chosen.index(r["name"])), markdown)
    print(f"page with tables and figures: {out / 'index.html'}")


def _listed(experiments: Mapping[str, Any]) -> None:
    from metainfl.report.tables import Grid, show

    rows = [
        [e.name, e.place, str(len(e.claims)), ", ".join(e.sizes), e.about]
        for e in experiments.values()
    ]
    show(Grid(("experiment", "place", "claims", "sizes", "what"), rows, ("claims",)))
    print("metainfl reproduce NAME runs one, 002 all of that paper, and all every one of them")


def _verdicts(results: Sequence[Mapping[str, Any]], markdown: bool) -> None:
    from metainfl.report.tables import Grid, show

    rows = [
        [r["name"], c["text"], c["place"], c["paper"], c["ours"], c["holds"], c["against"] or "-"]
        for r in results
        for c in r["claims"]
    ]
    titles = ("experiment", "claim", "place", "paper", "here", "verdict", "beside it")
    show(Grid(titles, rows), markdown=markdown)
