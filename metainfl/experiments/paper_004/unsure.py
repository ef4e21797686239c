"""Figure 5 of 004: what is bought first, and how sure the network is of it.

Sureness is the largest probability that the network gives to a class. The paper shows images; here means of
the first purchase are set against the whole pool's, and against what the other ways buy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Verdict
from metainfl.experiments.paper_004.buying import Parts, Trained, values
from metainfl.metrics.intervals import interval, paired

SHOWN = 5
POOL = "pool"  # all of it


def first_bought(
    parts: Parts, trained: Trained, ways: Sequence[str], *, bought: int, seed: int
) -> dict[str, Any]:
    """By way, and of the whole pool: mean sureness of the first purchase; FI's first images."""
    problem, read = trained(*parts["labelled"])
    pool, valid = read(parts["pool"][0]), (read(parts["valid"][0]), parts["valid"][1])
    chance = problem.setting.model(problem.lam, pool).softmax(1)
    sure = chance.amax(1)
    out: dict[str, Any] = {"sure": {POOL: float(sure.mean())}, "shown": []}
    for way in ways:
        worth = values(way, problem, pool, valid, np.random.default_rng(seed))
        chosen = torch.argsort(worth, descending=True)[:bought]
        out["sure"][way] = float(sure[chosen].mean())
        if way == "FI":
            out["shown"] = [
                {
                    "image": [
                        [round(v, 2) for v in row] for row in parts["pool"][0][j, 0].tolist()
                    ],
                    "chances": [round(v, 3) for v in chance[j].tolist()],
                }
                for j in chosen[:SHOWN].tolist()
            ]
    return out


def unsure(cells: Sequence[Cell]) -> Verdict:
    """Whether the network is less sure of what FI-active buys first than of the pool."""
    if any("first" not in c for c in cells):
        return Verdict(UNTOLD, "-", "What is bought first was not looked at.")
    sure = {n: [c["first"]["sure"][n] for c in cells] for n in cells[0]["first"]["sure"]}
    gap = paired(sure[POOL], sure["FI"])
    each = ", ".join(f"{n} {interval(v)}" for n, v in sure.items())
    why = f"Mean largest probability of a class, first purchase of the balanced pool: {each}."
    return Verdict(telling.above(gap), f"difference {gap}", why)


def pictures(axes: Any, cells: Sequence[Cell]) -> None:
    """Figure 5, of the first seed: the images of highest FI-active, and what the network says of them."""
    from metainfl.report.style import COLOURS

    whole, shown = axes.figure, cells[0]["first"]["shown"]
    axes.remove()
    grid = whole.subplots(2, len(shown), squeeze=False, height_ratios=(2, 1))
    for (top, low), one in zip(grid.T, shown, strict=True):
        top.imshow(np.array(one["image"]), cmap="gray_r", vmin=0, vmax=1)
        top.grid(False)
        top.set_xticks([])
        top.set_yticks([])
        low.bar(range(len(one["chances"])), one["chances"], color=COLOURS[0])
        low.set_ylim(0, 1)
        low.set_xlabel("class")
    grid[1, 0].set_ylabel("probability")
