"""Figure 8 and appendix B.3 of 002: self-ranks of a convolutional network, and what a buffer can express."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.adaptation import Prototypes, Unrolled
from metainfl.curvature.gauss_newton import factors
from metainfl.derive.problem import Problem
from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.paper_002.mixed import LEARNERS, Mixed, mixed
from metainfl.metrics.detection import self_rank
from metainfl.metrics.intervals import interval, rank_agreement
from metainfl.problem.losses import cross_entropy
from metainfl.solve.factored import buffered, pseudo_inverse
from metainfl.training import Adam, Recipe, Run, train
from metainfl.training.networks import conv4

BUFFERS = (256, 64, 16)
WIDE = 1024  # columns at the paper's size, where all of them fit nowhere
SIZES: dict[str, int] = {"steps": 200}
DOT, WHOLE = "dot product", "Gauss-Newton, all columns"


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """By learner: mean self-rank by score, and how scores from a buffer agree with those it stands for."""
    m = mixed(size, seed, data, **SIZES)
    out: Cell = {"tasks": m.normal}
    for learner in LEARNERS:
        run = _trained(m, learner)
        end = run.problem()
        own = end.task_gradients(end.lam)
        slopes = own[: 128 if m.wide else 16].T
        scores = {DOT: own @ slopes, **(_wide if m.wide else _buffers)(end, own, slopes)}
        out[learner] = {
            "parameters": end.n_meta,
            "ranks": {n: _self_ranks(v) for n, v in scores.items()},
            "agreement": {
                str(n): _agreement(scores[f"buffer of {n}"], scores[f"leading {n}"])
                for n in (() if m.wide else BUFFERS)
            },
        }
    return out


def buffer_of(cells: Sequence[Cell]) -> str:
    """The score that stands for the paper's: from the middle buffer, or its 1,024 columns."""
    wide = f"buffer of {WIDE}"
    return wide if wide in cells[0][LEARNERS[0]]["ranks"] else f"buffer of {BUFFERS[1]}"


def _trained(m: Mixed, learner: str) -> Run:
    """Convolutions on the real tasks alone, by MAML or as a prototypical network: two blocks, or four."""
    proto, side = learner == "prototypes", m.mean.shape[-1]
    hidden, blocks = (64, 4) if m.wide else (m.hidden // 2, 2)
    net = conv4(
        None if proto else 5, size=side, hidden=hidden, blocks=blocks, normalisation="none",
        activation="tanh", downsample="mean", seed=m.seed,
    )  # fmt: skip
    tasks = m.tasks.select(range(m.normal))
    way = Prototypes() if proto else Unrolled(1, 0.1)
    problem = Problem(net, tasks, way, inner_loss=cross_entropy, outer_reg=0.0)
    rate = 0.001 if m.wide else 0.01
    recipe = Recipe(optimiser=Adam(), rate=rate, steps=m.steps, batch_size=m.batch, seed=m.seed)
    return train(problem, recipe, progress=False)


def _wide(end: Problem, own: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Scores from a buffer that saw the columns of one task after another, and held no others."""
    return {f"buffer of {WIDE}": own @ pseudo_inverse(buffered(factors(end), WIDE), slopes)}


def _buffers(end: Problem, own: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Scores from all columns of V, from its n leading directions, and from a buffer that saw them pass."""
    every = list(factors(end))
    values, vectors = torch.linalg.eigh(
        sum((v @ v.T for v in every), torch.zeros(len(slopes)).diag().to(own))
    )
    some = (values > 1e-12 * values[-1]).nonzero()[:, 0].flip(0)
    whole = vectors[:, some] * values[some].sqrt()  # orthogonal columns with the same V V'
    out = {WHOLE: own @ pseudo_inverse(whole, slopes)}
    for n in BUFFERS:
        out[f"leading {n}"] = own @ pseudo_inverse(whole[:, :n], slopes)
        out[f"buffer of {n}"] = own @ pseudo_inverse(buffered(every, n), slopes)
    return out


def _self_ranks(scores: Tensor) -> float:
    return float(np.mean([self_rank(c, t) for t, c in enumerate(scores.T.tolist())]))


def _agreement(a: Tensor, b: Tensor) -> float:
    columns = zip(a.T.tolist(), b.T.tolist(), strict=True)
    return float(np.mean([rank_agreement(x, y) for x, y in columns]))


def _ranks(cells: Sequence[Cell], learner: str, name: str) -> list[float]:
    return [c[learner]["ranks"][name] for c in cells]


def first(learner: str, score: str | None = None) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the mean self-rank is below half a place."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        name = score or buffer_of(cells)
        got, n = interval(_ranks(cells, learner, name)), cells[0]["tasks"]
        beside = {
            k: interval(_ranks(cells, learner, k)) for k in cells[0][learner]["ranks"] if k != name
        }
        each = "; ".join(f"{k} {v}" for k, v in beside.items())
        why = f"Chance is {(n - 1) / 2:g} of {n}. Beside: {each}."
        word = telling.below(got, 0.5)
        return Verdict(word, f"self-rank {got}", why)

    return judge


def expressive(cells: Sequence[Cell]) -> Verdict:
    """Whether a buffer that saw tasks pass scores as the leading directions that it stands for."""
    if not cells[0][LEARNERS[0]]["agreement"]:
        return Verdict(
            UNTOLD, "-", "All columns, which it is held against, do not fit into memory here."
        )
    n = str(BUFFERS[1])
    got = {k: interval([c[k]["agreement"][n] for c in cells]) for k in LEARNERS}
    low, high = min(v.low for v in got.values()), min(v.high for v in got.values())
    word = telling.told(low > 0.9, high < 0.9)
    ours = "; ".join(f"{k} {v}" for k, v in got.items())
    why = f"Rank agreement with the {n} leading directions of all columns; 0.9 is our line, not the paper's."
    return Verdict(word, ours, why)


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Self-ranks by score, agreement by size of the buffer."""
    ranks = [
        {"score": n, **{k: str(interval(_ranks(cells, k, n))) for k in LEARNERS}}
        for n in cells[0][LEARNERS[0]]["ranks"]
    ]
    agree = [
        {
            "buffer": str(n),
            **{k: str(interval([c[k]["agreement"][str(n)] for c in cells])) for k in LEARNERS},
        }
        for n in BUFFERS
        if cells[0][LEARNERS[0]]["agreement"]
    ]
    return [
        Table("self-rank", "Mean self-rank of the test tasks; 0 is first", ranks),
        Table(
            "buffer",
            "Rank agreement of a buffer's scores with those of the leading directions",
            agree,
        ),
    ]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """Self-ranks by score and learner."""
    names = list(cells[0][LEARNERS[0]]["ranks"])
    for i, learner in enumerate(LEARNERS):
        mean = [interval(_ranks(cells, learner, n)) for n in names]
        y = [k + 0.2 * i for k in range(len(names))]
        axes.errorbar(
            [v.mean for v in mean], y, xerr=[v.half for v in mean], fmt="os"[i], label=learner
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("mean self-rank (0: the identical task is first)")
    axes.legend()


EXPERIMENT = Experiment(
    "002-convolution",
    "002",
    "Figure 8, appendix B.3, Tables 11 to 16",
    "Self-ranks of a convolutional network from a buffer of columns, and what the buffer can express.",
    cell,
    (
        Claim("Figure 8, Tables 11 and 12", "with a buffer of columns the identical task is first (MAML)",
              "0.00 to 10.73 of 2,048, 1,024 columns of 121,093", first("MAML"),
              "dot product, all columns"),
        Claim("Tables 13 to 16", "with a buffer of columns the identical task is first (prototypes)",
              "0.00 (Mini-ImageNet); 0.00 to 120.10 of 2,024 (Omniglot)",
              first("prototypes"), "dot product, all columns"),
        Claim("appendix B.3", "a buffer that sees tasks pass is expressive enough", "no comparison",
              expressive, "leading directions"),
        Claim("not in the paper", "the dot product of gradients, without any matrix, ranks it first (MAML)",
              "not compared", first("MAML", DOT)),
    ),
    tables,
    figure,
)  # fmt: skip
