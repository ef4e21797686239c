"""A figure as PNG and SVG, from rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metainfl.report.style import settings


def draw(
    name: str, plot: Callable[[Any, Any], None], rows: Sequence[dict[str, Any]], folder: Path
) -> Path | None:
    """The SVG's path, beside it a PNG, of what `plot(axes, rows)` draws; None where no row has a number."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kept = [r for r in rows if "failed" not in r]
    if not kept:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    look: Any = settings()  # matplotlib lists its two hundred keys as literals
    with matplotlib.rc_context(look):
        size = (7.6, 6.4) if name == "parts" else (6.4, 3.8)
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        plot(axes, kept)
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None}, transparent=True)
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
        plt.close(figure)
    return path
