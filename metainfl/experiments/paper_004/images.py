"""Figures 4 and 10 of 004: buying labels of images for a convolutional network, by its last layer.

All of the network is trained after every purchase; then its head is taken to its minimum, and FI, BALD
and IV are those of the head, as the paper has it. Pools, network and sizes: `pools`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.kept import step
from metainfl.experiments.paper_004.buying import SHAPLEY, WAYS, curve, later, mean_after, whose
from metainfl.experiments.paper_004.nets import trained_with
from metainfl.experiments.paper_004.pools import MORE, POOLS, drawn, images, kinds_of, sizes_of
from metainfl.experiments.paper_004.unsure import first_bought, pictures, unsure
from metainfl.metrics.intervals import interval, paired

OTHERS = {"random": "choosing at random", "BALD": "BALD", "IV": "influence values"}


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy after each round, by pool and way of choosing; where the images are from.

    "labelled" and "bought" are of MNIST's pools; those of another data set stand as its "sizes". "first" has
    what is bought first of the balanced one.
    """
    sizes = sizes_of(size)
    out: Cell = {
        "data": images(size, data)[0].name,
        "labelled": sizes["labelled"],
        "bought": sizes["bought"],
    }
    for kind in kinds_of(size, data):
        parts, sizes = drawn(kind, seed, size, data), sizes_of(size, kind)
        made = {"rounds": sizes["rounds"], "bought": sizes["bought"], "seed": seed}
        trained = trained_with(sizes, seed)
        out[kind] = {
            way: step(f"{kind}, {way}", partial(curve, way, parts, trained, **made))
            for way in ways_of(kind)
        }
        if kind == "balanced":
            once = partial(
                first_bought, parts, trained, ways_of(kind), bought=sizes["bought"], seed=seed
            )
            out["first"] = step("what is bought first", once)
        if kind in MORE:
            out[f"{kind}, sizes"] = {n: sizes[n] for n in ("labelled", "bought")}
    return out


def ways_of(kind: str) -> tuple[str, ...]:
    """The ways of choosing that a pool has: Figure 12 has a Shapley value on MNIST."""
    return (*WAYS, SHAPLEY) if kind == "balanced" else WAYS


def better(kind: str, other: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether FI-active is above another way, over all rounds, on one pool."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        if kind not in cells[0]:
            why = "Its images are read at the paper's size, where they lie in the folder of data."
            return Verdict(UNTOLD, "-", why)
        own = [c[kind] for c in cells]
        gap = paired(mean_after(own, "FI"), mean_after(own, other))
        last = paired([c["FI"][-1] for c in own], [c[other][-1] for c in own])
        word = telling.above(gap)
        images_of = kind if kind in MORE else cells[0]["data"]
        told = f"Images of {images_of}; mean accuracy over the rounds. After the last: {last}."
        why = told + whose(own, other)
        return Verdict(word, f"accuracy: difference {gap}", why)

    return judge


def wider(cells: Sequence[Cell]) -> Verdict:
    """Whether the lead over chance is larger on the harder pools than on the balanced one."""
    after = {k: [mean_after([c[k] for c in cells], w) for w in ("FI", "random")] for k in POOLS}
    lead = {k: [a - b for a, b in zip(*pair, strict=True)] for k, pair in after.items()}
    gaps = {k: paired(lead[k], lead["balanced"]) for k in POOLS[1:]}
    low, high = min(g.low for g in gaps.values()), min(g.high for g in gaps.values())
    word = telling.told(low > 0, high <= 0)
    ours = "; ".join(f"{k} {g}" for k, g in gaps.items())
    return Verdict(word, ours, "Lead of FI-active over chance, less that on the balanced pool.")


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Accuracy by round and way, a table a pool."""
    out = []
    for kind in (k for k in (*POOLS, *MORE) if k in cells[0]):
        sizes = cells[0].get(f"{kind}, sizes", cells[0])
        rows: list[dict[str, Any]] = [
            {
                "labelled": sizes["labelled"] + r * sizes["bought"],
                **{w: str(interval([c[kind][w][r] for c in cells])) for w in ways_of(kind)},
            }
            for r in range(len(cells[0][kind]["FI"]))
        ]
        out.append(Table(kind, f"Accuracy on test data after each round, {kind} pool", rows))
    return out


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Mean accuracy over the rounds, by pool and way."""
    for i, way in enumerate(WAYS):
        found = [interval(mean_after([c[k] for c in cells], way)) for k in POOLS]
        place = [k + 0.12 * (i - 2) for k in range(len(POOLS))]
        axes.errorbar(
            place, [f.mean for f in found], [f.half for f in found], fmt="osd^v"[i], label=way
        )
    axes.set_xticks(range(len(POOLS)), POOLS)
    axes.set_ylabel("mean accuracy over rounds")
    axes.legend()


EXPERIMENT = Experiment(
    "004-images",
    "004",
    "Figures 4, 5, 10 and 12, section 5.2",
    "Buying labels of images for a convolutional network: balanced, unbalanced and redundant pools.",
    cell,
    (
        Claim("Figure 4, MNIST", "on a balanced pool FI-active is better than choosing at random", "a figure",
              better("balanced", "random")),
        Claim("Figure 4, MNIST", "on a balanced pool FI-active is better than BALD", "a figure",
              better("balanced", "BALD")),
        Claim("Figure 4, MNIST", "on a balanced pool FI-active is better than influence values", "a figure",
              better("balanced", "IV")),
        *(
            Claim(f"Figure 4, {name}", f"on {name} FI-active is better than {words}", "a figure",
                  better(kind, other))
            for kind, name in (("emnist", "EMNIST"), ("cifar10", "CIFAR-10"))
            for other, words in OTHERS.items()
        ),
        Claim("Figure 12, MNIST", "on a balanced pool FI-active is better than a Shapley value", "a figure, "
              "does not say whose", better("balanced", SHAPLEY), "the neighbours' value"),
        Claim("Figure 5, section 5.2", "the model is less sure of what FI-active buys first than of the "
              "pool", "a figure; harder to distinguish", unsure, "all other ways"),
        Claim("Figure 10, MNIST", "on an unbalanced pool FI-active is better than BALD", "a figure",
              better("unbalanced", "BALD")),
        Claim("Figure 10, MNIST", "on an unbalanced pool FI-active is better than choosing at random",
              "a figure", better("unbalanced", "random")),
        Claim("Figure 10, MNIST", "on an unbalanced pool FI-active is better than influence values",
              "a figure", better("unbalanced", "IV")),
        Claim("Figure 10, MNIST", "on a redundant pool FI-active is better than choosing at random",
              "a figure", better("redundant", "random")),
        Claim("Figure 10, MNIST", "on a redundant pool FI-active is better than influence values",
              "a figure", better("redundant", "IV")),
        Claim("Figure 10, MNIST", "on a redundant pool FI-active is better than BALD", "a figure",
              better("redundant", "BALD")),
        Claim("section 5.2", "the advantage is larger on unbalanced and redundant pools", "even more "
              "pronounced; a figure", wider),
        Claim("section 5.2", "it leads BALD more in the second half of the rounds (balanced)",
              "diverges in the latter stages", later("BALD", "balanced")),
        Claim("section 5.2", "it leads BALD more in the second half of the rounds (unbalanced)",
              "diverges in the latter stages", later("BALD", "unbalanced")),
        Claim("not in the paper", "FI-active is better than the smallest margin on a balanced pool",
              "not compared", better("balanced", "margin"), "the smallest margin"),
    ),
    tables,
    figure,
    {"small": 10, "medium": 5, "paper": 30},
    version=2,
    figures={"5": pictures},
    sizes=("small", "medium", "paper"),
)  # fmt: skip
