"""Two figures: the table as dots, and predicted against true change for removals of a tenth."""

from __future__ import annotations

import numpy as np

from bench.what_methods_say.summary import Seen, rank
from metainfl.report.style import COLOURS, MARKERS, settings

PANELS = {
    "derivative": "rank with the\nrun's derivative",
    "tenths": "with removing a\ntenth, same seed",
    "retraining": "with retraining,\nother seeds",
    "found": "share of wrong\ntasks in the top",
    "cost": "cost in\ntraining runs",
}


def draw_all(found, rows, folder):
    """SVG and PNG of both."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context(settings()):
        for name, draw in (("what_methods_say", _dots), ("predicted_and_true", _clouds)):
            figure = draw(plt, found, rows)
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, transparent=True)
            figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
            plt.close(figure)


def _dots(plt, found, rows):
    methods = list(next(iter(found.values()))["methods"])
    figure, axes = plt.subplots(
        1, len(PANELS), figsize=(9.6, 4.4), sharey=True, layout="constrained"
    )
    places = np.arange(len(methods))[::-1]
    for ax, (column, title) in zip(axes, PANELS.items(), strict=True):
        for n, s in enumerate(found.values()):
            lift = 0.18 * ((len(found) - 1) / 2 - n)
            for place, method in zip(places, methods, strict=True):
                cell = s["methods"][method][column]
                if cell is None:
                    continue
                y, style = place + lift, {"color": COLOURS[n], "marker": MARKERS[n]}
                ax.plot([cell["mean"]], [y], linestyle="", markersize=4.5, **style)
                if "interval" in cell and column != "cost":
                    low, high = np.clip(cell["interval"], -1, 1)
                    ax.plot([low, high], [y, y], color=COLOURS[n], linewidth=1)
            bound = s.get("removal_against_retraining")
            if column == "retraining" and bound:
                ax.axvline(bound["mean"], color=COLOURS[n], linestyle=":", linewidth=1)
        ax.set_title(title, fontsize=9)
        ax.set_yticks(places, methods)
        if column == "cost":
            ax.set_xscale("log")
        elif column == "found":
            ax.axvline(0.2, color=COLOURS[-1], linestyle="--", linewidth=1)
            ax.set_xlim(-0.03, 1.03)
        else:
            ax.axvline(0, color=COLOURS[-1], linewidth=1)
            ax.set_xlim(-1.03, 1.03)
    for n, setting in enumerate(found):
        smooth = found[setting]["metasmoothness"]["mean"]
        axes[0].plot([], [], linestyle="", color=COLOURS[n], marker=MARKERS[n],
                     label=f"{setting} (metasmoothness {smooth:.2f})")  # fmt: skip
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _clouds(plt, found, rows):
    figure, axes = plt.subplots(
        1, len(found), figsize=(2.6 * len(found), 2.8), layout="constrained"
    )
    for n, (ax, setting) in enumerate(zip(np.atleast_1d(axes), found, strict=True)):
        seen = Seen(rows, setting, 0)
        if seen.groups is None or "derivative of the run" not in seen.methods:
            continue
        predicted = seen.predicted("derivative of the run", seen.groups)
        true = np.array(seen.groups["changes"])
        ax.plot(predicted, true, linestyle="", color=COLOURS[n], marker=MARKERS[n], markersize=4.5)
        if len(true):
            both = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
            if np.ptp(predicted) < 20 * max(np.ptp(true), 1e-300):
                ax.plot(both, both, color=COLOURS[-1], linewidth=1)
        score = rank(predicted, true)
        smooth = found[setting]["metasmoothness"]["each"][0]
        text = "" if score is None else f"LDS {score:.2f}, "
        ax.set_title(f"{setting}\n{text}metasmoothness {smooth:.2f}", fontsize=9)
        ax.set_xlabel("predicted change of the loss")
        ax.locator_params(nbins=4)
    np.atleast_1d(axes)[0].set_ylabel("true change, a tenth removed")
    return figure
