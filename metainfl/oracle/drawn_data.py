"""Episodes of the drawn cases: order of instances, soft labels, padding, weights, and target tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.generators import CLASSIFICATION, classification, regression

Array = np.ndarray
PADDING = 7.0  # inputs and targets of rows of weight 0: nobody may read them
SMALL, LARGE = 0.04, 2.6  # weights beyond those that a mask or a clamp leaves alone
SOFT = 0.3  # the share of a label that is spread over all classes


def drawn_episodes(name: str, seed: int, size: dict[str, int]) -> Episodes:
    """Tasks of these sizes; `support` and `query` count instances a way where there are ways."""
    if name not in CLASSIFICATION:
        names = ("tasks", "support", "query", "d", "c")
        return regression(seed, **{k: size[k] for k in names})
    drawn = classification(
        seed,
        tasks=size["tasks"],
        shots=size["support"],
        queries=size["query"],
        d=size["d"],
        ways=size["c"],
        label_noise=0.2,
    )
    return _shuffled(drawn, np.random.default_rng([seed, 1]))


def _shuffled(e: Episodes, rng: np.random.Generator) -> Episodes:
    """Every task's instances in an order of its own: drawn, they stand way by way in all tasks alike."""
    arrays = {}
    for side in ("support", "query"):
        x, y = getattr(e, f"{side}_x"), getattr(e, f"{side}_y")
        order = np.stack([rng.permutation(x.shape[1]) for _ in range(len(x))])[:, :, None]
        arrays[f"{side}_x"] = np.take_along_axis(x, order, axis=1)
        arrays[f"{side}_y"] = np.take_along_axis(y, order, axis=1)
    return Episodes(**arrays)


def softened(name: str, e: Episodes, rng: np.random.Generator) -> Episodes:
    """Class probabilities for labels, which no argmax gives back; the shots of prototypes keep theirs."""
    if name not in CLASSIFICATION:
        return e

    def soft(y: Array) -> Array:
        return (1 - SOFT) * y + SOFT * rng.dirichlet(np.ones(y.shape[2]), y.shape[:2])

    support_y = e.support_y if name == "prototypes" else soft(e.support_y)
    return Episodes(e.support_x, support_y, e.query_x, soft(e.query_y))


def drawn_targets(name: str, e: Episodes, seed: int, many: int, own: dict[str, int]) -> Episodes:
    """Target tasks of sizes of their own, same features and outputs."""
    d, c = e.query_x.shape[2], e.query_y.shape[2]
    return drawn_episodes(name, seed + 1, {"tasks": many, **own, "d": d, "c": c})


def ragged(e: Episodes, rng: np.random.Generator) -> tuple[Episodes, Weights]:
    """Weights between 1/2 and 3/2, one each near 0 and far above 1; of the tasks but the first one
    instance a side is padding, anywhere.
    """
    ones = Weights.ones(e)
    w = Weights(*(rng.uniform(0.5, 1.5, a.shape) for a in (ones.task, ones.support, ones.query)))
    arrays = {n: np.array(getattr(e, n)) for n in ("support_x", "support_y", "query_x", "query_y")}
    for side, weight in (("support", w.support), ("query", w.query)):
        if weight.shape[1] > 2:
            weight[0, :2] = SMALL, LARGE
        for k, j in enumerate(_places(e, side, rng), 1):
            weight[k, j] = 0.0  # every way keeps a shot: there are two at least
            arrays[f"{side}_x"][k, j] = PADDING
            arrays[f"{side}_y"][k, j] = arrays[f"{side}_y"][k, 0 if j else 1]
    if e.n_tasks > 2:
        w.task[[0, 2]] = LARGE, SMALL
    return Episodes(**arrays), w


def repeated(e: Episodes, side: str) -> Episodes:
    """The last instance of every task is its first once more: two that nothing tells apart."""
    arrays = {n: np.array(getattr(e, n)) for n in ("support_x", "support_y", "query_x", "query_y")}
    for n in (f"{side}_x", f"{side}_y"):
        arrays[n][:, -1] = arrays[n][:, 0]
    return Episodes(**arrays)


def weights_of(side: str, e: Episodes, rng: np.random.Generator) -> Weights:
    """Weights between 1/2 and 3/2 of the tasks or the supports, and 1 of all else."""
    ones = Weights.ones(e)
    return replace(ones, **{side: rng.uniform(0.5, 1.5, getattr(ones, side).shape)})


def one_query(e: Episodes) -> Episodes:
    """The first query of every task alone."""
    return Episodes(e.support_x, e.support_y, e.query_x[:, :1], e.query_y[:, :1])


def _places(e: Episodes, side: str, rng: np.random.Generator) -> list[int]:
    """Where the padding of each task but the first stands: last, first, in the middle, anywhere."""
    n = getattr(e, f"{side}_x").shape[1]
    usual = [n - 1, 0, n // 2] if side == "query" else [n // 2, n - 1, 0]
    inner = [int(k) for k in rng.integers(1, max(n - 1, 2), max(e.n_tasks - 4, 0))]
    return ([*usual, *inner] if e.n_tasks > 2 else [n // 2])[: e.n_tasks - 1]
