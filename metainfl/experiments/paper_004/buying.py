"""Buying labels: a pool, a model that is trained again after each purchase, and what is bought first.

    FI       FI-active of each pool input, mean of the middle 80 % over the labelled data
    KFSVD    the same with the four largest singular values of each mixed derivative, and K-FAC's Hessian
             (section 4)
    forest   FI-active of a fifth of the pool, and a random forest for the ranks of the rest
    both     the forest on KFSVD of a fifth of the pool (Algorithm 4)
    BALD     information of the label, under Laplace's posterior of 100 draws
    IV       influence value of the pool input with its predicted label, on validation data
    Shapley  value of the pool input with its predicted label in the game of the five nearest neighbours,
             played with the labelled data on the validation data (Figure 12 does not say whose value it is)
    random   chance;   margin   the smallest gap between the two likeliest classes, which 004 leaves out
Labels of the pool are not read before they are bought.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature import exact, kfac
from metainfl.derive.problem import Problem
from metainfl.experiments import telling
from metainfl.experiments.experiment import UNTOLD, Cell, Verdict
from metainfl.experiments.paper_004.single_level import single
from metainfl.methods.game import knn_shapley
from metainfl.methods.implicit.bald import bald, laplace
from metainfl.methods.implicit.fi_active import fi_active, predicted_ranks
from metainfl.methods.implicit.predicted_slopes import predicted_slopes
from metainfl.metrics.intervals import interval, paired
from metainfl.problem.perturbation import query

KEPT, PART = 4, 0.2  # singular values; share of the pool whose FI is computed
WAYS = ("FI", "BALD", "IV", "random", "margin")
SHAPLEY, NEIGHBOURS = "Shapley", 5
Parts = dict[str, tuple[Tensor, Tensor]]
#: inputs and one-hot labels -> a linear problem at its minimiser, and what it reads of other inputs
Trained = Callable[[Tensor, Tensor], tuple[Problem, Callable[[Tensor], Tensor]]]


def curve(
    way: str, parts: Parts, trained: Trained, *, rounds: int, bought: int, seed: int
) -> list[float]:
    """Accuracy on the test data before and after each round (rounds + 1,)."""
    (x, y), (px, py) = parts["labelled"], parts["pool"]
    rng, accuracy = np.random.default_rng(seed), []
    for turn in range(rounds + 1):
        problem, read = trained(x, y)
        out = problem.setting.model(problem.lam, read(parts["test"][0]))
        accuracy.append(float((out.argmax(1) == parts["test"][1].argmax(1)).double().mean()))
        if turn == rounds:
            break
        valid = read(parts["valid"][0]), parts["valid"][1]
        chosen = torch.argsort(values(way, problem, read(px), valid, rng), descending=True)[:bought]
        rest = torch.ones(len(px), dtype=torch.bool)
        rest[chosen] = False
        x, y = torch.cat([x, px[chosen]]), torch.cat([y, py[chosen]])
        px, py = px[rest], py[rest]
    return accuracy


def values(
    way: str, problem: Problem, px: Tensor, valid: tuple[Tensor, Tensor], rng: np.random.Generator
) -> Tensor:
    """What is bought first, largest first, of the inputs px (n, d) that the problem's model reads."""
    model, lam, classes = problem.setting.model, problem.lam, valid[1].shape[1]
    if way == "random":
        return torch.tensor(rng.random(len(px)))
    pool = single(px, px.new_zeros(len(px), classes))
    if way in ("FI", "KFSVD", "forest", "both"):
        labelled = [query(0, j) for j in range(problem.tasks.query_x.shape[1])]
        short = way in ("KFSVD", "both")
        rank, curvature = (KEPT, kfac) if short else (None, exact)
        if way in ("FI", "KFSVD"):
            return fi_active(problem, labelled, pool, trim=0.1, rank=rank, curvature=curvature)[0]
        some = rng.permutation(len(px))[: max(2, round(PART * len(px)))].tolist()
        few = single(px[some], px.new_zeros(len(some), classes))
        found = fi_active(problem, labelled, few, trim=0.1, rank=rank, curvature=curvature)
        known = found[0].numpy()
        return -torch.tensor(predicted_ranks(px.numpy(), known, some)).double()
    if way == "IV":
        slope = problem.task_gradients(lam, single(*valid))[0]
        turned = torch.linalg.solve(problem.hessian(lam), slope)
        return predicted_slopes(problem, pool)[0] @ turned  # weight on it lowers the loss by this
    if way == SHAPLEY:
        return _shapley(problem, px, model(lam, px).argmax(1), valid)
    if way == "BALD":
        lams = laplace(problem, 100, seed=int(rng.integers(2**31)))
        return bald(torch.stack([model(v, px).softmax(-1) for v in lams]))
    first, second = model(lam, px).softmax(1).topk(2).values.T
    return second - first


def _shapley(
    problem: Problem, px: Tensor, predicted: Tensor, valid: tuple[Tensor, Tensor]
) -> Tensor:
    """Of pool inputs (n,): in a game whose players are the labelled data, too."""
    x, y = problem.tasks.query_x[0], problem.tasks.query_y[0].argmax(1)
    players, labels = torch.cat([x, px]).numpy(), torch.cat([y, predicted]).numpy()
    targets = valid[0].numpy(), valid[1].argmax(1).numpy()
    found = knn_shapley(players, labels, *targets, NEIGHBOURS).values.mean(1)
    return torch.tensor(found[len(x) :])


def mean_after(cells: Sequence[Cell], way: str) -> list[float]:
    """Mean accuracy over the rounds after buying, one a seed."""
    return [float(np.mean(c[way][1:])) for c in cells]


def whose(cells: Sequence[Cell], other: str) -> str:
    """What is to be known of the way that FI is set against: whose BALD it is, and what it does alone."""
    if other != "BALD":
        return ""
    over = paired(mean_after(cells, other), mean_after(cells, "random"))
    return f" BALD is by Laplace's posterior, not by dropout; over choosing at random: {over}."


def better(other: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether FI-active is above another way, over all rounds."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap = paired(mean_after(cells, "FI"), mean_after(cells, other))
        last = paired([c["FI"][-1] for c in cells], [c[other][-1] for c in cells])
        word = telling.above(gap)
        why = f"Mean accuracy over the rounds; after the last: {last}.{whose(cells, other)}"
        return Verdict(word, f"accuracy: difference {gap}", why)

    return judge


def initially(way: str, other: str) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether one way is below another after the first purchase."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        gap, last = (paired(*([c[w][r] for c in cells] for w in (way, other))) for r in (1, -1))
        return Verdict(
            telling.below(gap, 0), f"accuracy: difference {gap}", f"After the last round: {last}."
        )

    return judge


def later(other: str, kind: str | None = None) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether FI-active's lead over another way is larger in the second half of the rounds."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        own = [c if kind is None else c[kind] for c in cells]
        leads = [np.array(c["FI"][1:]) - np.array(c[other][1:]) for c in own]
        half = len(leads[0]) // 2
        if not half:
            return Verdict(UNTOLD, "-", "There is one round alone.")
        gap = paired(*([float(v.mean()) for v in part] for part in _halves(leads, half)))
        last = interval([float(v[-1]) for v in leads])
        why = f"Lead in the second half of the rounds, less that in the first; after the last: {last}."
        return Verdict(telling.above(gap), f"difference {gap}", why)

    return judge


def _halves(leads: Sequence[np.ndarray], half: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [v[half:] for v in leads], [v[:half] for v in leads]
