"""Predicted against true as a small picture inside a page, its points named."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from metainfl.report.style import COLOURS, INK, settings


def scatter(rows: Sequence[Mapping[str, Any]], x: str, y: str, name: str) -> str:
    """An inline SVG in the page's own colour of text, with the line on which predictions are right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    look: Any = settings()
    with matplotlib.rc_context(look):
        figure, axes = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
        a, b = [r[x] for r in rows], [r[y] for r in rows]
        low, high = min(*a, *b, 0.0), max(*a, *b, 0.0)
        axes.plot([low, high], [low, high], color="0.5", linewidth=1, zorder=1)
        axes.scatter(a, b, color=COLOURS[0], zorder=2)
        axes.set_xlabel(f"{x} change of the targets' loss")
        axes.set_ylabel(f"{y} change")
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
        plt.close(figure)
    text = out.getvalue()
    svg = (
        text[text.index("<svg") :].replace(INK, "currentColor").replace(INK.lower(), "currentColor")
    )
    said = "; ".join(f"{r[name]}: {r[x]:.2g} predicted, {r[y]:.2g} true" for r in rows)
    return f"<figure role='img' aria-label='{_plain(said)}'>{svg}</figure>"


def _plain(text: str) -> str:
    return html.escape(text, quote=True)
