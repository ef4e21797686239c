"""Section 4 and Table 7 of 004: FI-active by KFSVD and by a random forest, and the time that it all takes.

The network and the balanced pool are those of Figure 4. Seconds are of the processor, of buying alone:
training is the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.kept import step
from metainfl.experiments.paper_004.buying import curve, mean_after, values
from metainfl.experiments.paper_004.nets import trained_with
from metainfl.experiments.paper_004.pools import drawn, images, sizes_of
from metainfl.metrics.intervals import interval, paired, rank_agreement

WAYS = ("FI", "KFSVD", "forest", "both", "IV", "BALD")
NEAR = 0.01  # accuracy within which two are called comparable
AGREE = 0.9


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By way: accuracy after each round; seconds, and agreement with FI, of the first purchase."""
    sizes, parts = sizes_of(size), drawn("balanced", seed, size, data)
    trained = trained_with(sizes, seed)
    problem, read = trained(*parts["labelled"])
    pool, valid = read(parts["pool"][0]), (read(parts["valid"][0]), parts["valid"][1])
    rounds = {"rounds": sizes["rounds"], "bought": sizes["bought"], "seed": seed}
    out: Cell = {"data": images(size, data)[0].name}
    first: list[float] = []
    for way in WAYS:
        started = time.process_time()
        worth = values(way, problem, pool, valid, np.random.default_rng(seed))
        seconds = time.process_time() - started
        found = torch.as_tensor(worth).double().tolist()
        first = first or found
        out[way] = {
            "seconds": seconds,
            "agreement": rank_agreement(found, first),
            "accuracy": step(way, partial(curve, way, parts, trained, **rounds)),
        }
    return out


def _of(cells: Sequence[Cell], way: str, what: str) -> list[float]:
    return [c[way][what] for c in cells]


def share(
    way: str, other: str, line: float, told: bool = True
) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether one way takes at most `line` times the seconds of another; where that can be `told`."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        both = zip(_of(cells, way, "seconds"), _of(cells, other, "seconds"), strict=True)
        found = interval([a / b for a, b in both])
        why = f"Processor seconds of one purchase, {way} over {other}; the line is {line:.3g}."
        if way == "forest":
            why += " Here FI solves once for the whole pool, so that a fifth of it saves little."
        if not told:
            why += " What the paper's seconds are of, and whether training is in them, it does not say."
        return Verdict(telling.below(found, line) if told else UNTOLD, f"ratio {found}", why)

    return judge


def comparable(way: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether a shortcut's accuracy over the rounds is within NEAR of FI's."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        curves = [{w: c[w]["accuracy"] for w in WAYS} for c in cells]
        gap = paired(mean_after(curves, way), mean_after(curves, "FI"))
        agree = interval(_of(cells, way, "agreement"))
        near, away = gap.low > -NEAR and gap.high < NEAR, gap.high < -NEAR or gap.low > NEAR
        why = f"Mean accuracy over the rounds; within {NEAR} is near. Rank correlation with FI: {agree}."
        return Verdict(telling.told(near, away), f"accuracy: difference {gap}", why)

    return judge


def ranks(way: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether a shortcut ranks as FI does, at AGREE."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        found = interval(_of(cells, way, "agreement"))
        return Verdict(
            telling.above(found, AGREE), f"rank correlation {found}", f"Our line is {AGREE}."
        )

    return judge


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Seconds, agreement and accuracy by way."""
    rows: list[dict[str, Any]] = [
        {
            "way": w,
            "seconds of a purchase": str(interval(_of(cells, w, "seconds"))),
            "rank correlation with FI": str(interval(_of(cells, w, "agreement"))),
            "accuracy after the last round": str(interval([c[w]["accuracy"][-1] for c in cells])),
        }
        for w in WAYS
    ]
    return [Table("shortcuts", "Buying labels of images: what it takes, and what it gives", rows)]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Accuracy against seconds."""
    for i, w in enumerate(WAYS):
        x, y = interval(_of(cells, w, "seconds")), interval([c[w]["accuracy"][-1] for c in cells])
        axes.errorbar([x.mean], [y.mean], xerr=[x.half], yerr=[y.half], fmt="os^vdP"[i], label=w)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of the first purchase")
    axes.set_ylabel("accuracy after the last round")
    axes.legend()


EXPERIMENT = Experiment(
    "004-shortcuts",
    "004",
    "Section 4 and Table 7",
    "Buying labels of images by FI, by its two shortcuts, by IV and by BALD: seconds and accuracy.",
    cell,
    (
        Claim("Table 7", "FI-active takes at most 2.1 times the seconds of BALD", "19 against 9 s (MNIST), "
              "45 against 15 (EMNIST), 372 against 214 (CIFAR-10)",
              share("FI", "BALD", 19 / 9, told=False)),
        Claim("Table 7", "FI-active takes at most 1.5 times the seconds of IV", "19 against 13 s (MNIST), "
              "45 against 15 (EMNIST), 372 against 204 (CIFAR-10)",
              share("FI", "IV", 19 / 13, told=False)),
        Claim("section 4", "FI of a fifth of the pool and a forest take a fifth of the time", "1/5",
              share("forest", "FI", 0.25)),
        Claim("section 4", "with the forest accuracy is as with FI", "not printed", comparable("forest")),
        Claim("section 4", "with KFSVD accuracy is as with FI", "not printed", comparable("KFSVD")),
        Claim("Algorithm 4", "with KFSVD and the forest together accuracy is as with FI", "not printed",
              comparable("both")),
        Claim("section 4", "KFSVD ranks the pool as FI does", "not printed", ranks("KFSVD")),
    ),
    tables,
    figure,
    {"small": 10, "paper": 30},
    version=2,
)  # fmt: skip
