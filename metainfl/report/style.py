"""One look for all figures: Okabe and Ito's colours, markers beside them, quiet axes.

Colour never carries a meaning alone: each series has its own marker and dash, so that figures read in
grey and to colour-blind eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
INK = "#262626"  # one colour for all text and axes: the page turns it into its own text colour


def settings() -> dict[str, Any]:
    """rcParams for `matplotlib.rc_context`."""
    return {
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.alpha": 0.25,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "font.size": 9,
        "axes.titlesize": 10,
        "svg.hashsalt": "metainfl",  # the same bytes for the same data
        "svg.fonttype": "none",
    }


def line(
    axes: Axes, x: Sequence[float], y: Sequence[float | None], label: str, n: int, **more: Any
) -> None:
    """Series number n; points without a number are left out."""
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
    axes.plot(
        [a for a, _ in pairs],
        [b for _, b in pairs],
        color=COLOURS[n % len(COLOURS)],
        marker=MARKERS[n % len(MARKERS)],
        linestyle=DASHES[n % len(DASHES)],
        markersize=4.5,
        linewidth=1.4,
        label=label,
        **more,
    )


def series(
    axes: Axes, rows: Sequence[dict[str, Any]], x: str, y: str, by: str, start: int = 0
) -> None:
    """One line a value of `by`, in the order in which they come."""
    for n, name in enumerate(dict.fromkeys(r[by] for r in rows)):
        own = [r for r in rows if r[by] == name]
        line(axes, [r[x] for r in own], [r.get(y) for r in own], str(name), start + n)


def panels(axes: Axes, count: int) -> list[Axes]:
    """That many axes side by side, in place of one."""
    figure = axes.get_figure()
    assert figure is not None
    axes.remove()
    return list(figure.subplots(1, count, squeeze=False)[0])
