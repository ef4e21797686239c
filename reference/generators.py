"""Random problems whose properties are set in the construction, not hoped for.

Shared by tests, laws, the oracle and the benchmarks. Every function is deterministic by seed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metainfl_reference.episodes import Episodes
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family

Array = np.ndarray
CLASSIFICATION = {"single_softmax", "proximal_softmax", "maml_softmax", "prototypes"}


def regression(
    seed: int,
    *,
    tasks: int = 5,
    support: int = 4,
    query: int = 4,
    d: int = 3,
    c: int = 2,
    noise: float = 0.3,
) -> Episodes:
    """Linear tasks y = x' B_i + noise with B_i scattered about a common B.

    The scatter (0.3) makes tasks differ, so adaptation has something to do; `noise` is the standard
    deviation of the targets about their line.
    """
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((d, c))
    own = common + 0.3 * rng.standard_normal((tasks, d, c))
    x = rng.standard_normal((tasks, support + query, d))
    y = x @ own + noise * rng.standard_normal((tasks, support + query, c))
    return Episodes(x[:, :support], y[:, :support], x[:, support:], y[:, support:])


def classification(
    seed: int,
    *,
    tasks: int = 5,
    shots: int = 2,
    queries: int = 2,
    d: int = 3,
    ways: int = 3,
    spread: float = 1.0,
    label_noise: float = 0.0,
    imbalance: float = 0.0,
) -> Episodes:
    """Gaussian classes about centres that drift from task to task; one-hot targets.

    Every class has `shots` support instances, so every prototype exists. `spread` is the standard
    deviation within a class (below 0.3 the classes separate and softmax saturates); `label_noise`
    is the share of query labels redrawn at random; `imbalance` is the share of the query instances
    of all other classes whose label is turned into class 0, so that class 0 dominates.
    """
    rng = np.random.default_rng(seed)
    centres = 1.5 * rng.standard_normal((ways, d)) + 0.3 * rng.standard_normal((tasks, ways, d))
    labels = np.repeat(np.arange(ways), shots + queries).reshape(ways, -1)
    s_lab, q_lab = labels[:, :shots].reshape(-1), labels[:, shots:].reshape(-1)

    def draw(lab: Array) -> Array:
        return centres[:, lab] + spread * rng.standard_normal((tasks, len(lab), d))

    sx, qx = draw(s_lab), draw(q_lab)
    q_all = np.broadcast_to(q_lab, (tasks, len(q_lab))).copy()
    redraw = rng.random(q_all.shape) < label_noise
    q_all[redraw] = rng.integers(0, ways, redraw.sum())
    q_all[rng.random(q_all.shape) < imbalance] = 0
    eye = np.eye(ways)
    return Episodes(sx, np.broadcast_to(eye[s_lab], (tasks, len(s_lab), ways)), qx, eye[q_all])


def with_duplicate(episodes: Episodes, k: int) -> Episodes:
    """The same tasks with task k once more at the end: weight 2 by another name."""
    return replace(
        episodes,
        **{n: np.concatenate([a, a[k : k + 1]]) for n, a in _arrays(episodes).items()},
    )


def with_null(episodes: Episodes) -> Episodes:
    """The same tasks and one whose query inputs and targets are zero.

    A linear model's outputs are then zero whatever lam, so the task's total gradient vanishes
    identically (softmax targets of sum zero have zero loss). Not for prototypes, where zero is a
    point like any other.
    """
    out = {n: np.concatenate([a, a[:1]]) for n, a in _arrays(episodes).items()}
    out["query_x"][-1] = 0
    out["query_y"][-1] = 0
    return replace(episodes, **out)


OPTIONS: dict[str, dict[str, float]] = {
    "single_ridge": {"d_out": 0.5},
    "single_softmax": {"d_out": 0.5},
    "proximal_ridge": {"d_in": 1.0, "d_out": 0.5},
    "proximal_softmax": {"d_in": 1.0, "d_out": 0.5},
    "linear_representation": {"d_in": 0.5, "d_out": 0.2, "rank": 2},
    "maml_linear": {"d_out": 0.5, "steps": 3, "alpha": 0.05},
    "maml_softmax": {"d_out": 0.5, "steps": 2, "alpha": 0.1},
    "prototypes": {"d_out": 0.3, "rank": 2},
}


def small(name: str, seed: int = 0, **changes: float) -> Family:
    """A small problem of the named family, non-degenerate for almost every seed.

    Non-convex families need d_out below the data's curvature, or lam = 0 would be the minimum;
    0.1 to 0.3 with the default sizes keeps the smallest eigenvalue of H well above zero.
    """
    return build(
        name, classification(seed) if name in CLASSIFICATION else regression(seed), **changes
    )


def tiny(name: str) -> Family:
    """The smallest problem of the named family (2 tasks, 2 features): for high-precision arithmetic."""
    if name in CLASSIFICATION:
        return build(name, classification(0, tasks=2, shots=2, queries=1, d=2, ways=2))
    return build(name, regression(0, tasks=2, support=2, query=2, d=2, c=1))


def build(name: str, episodes: Episodes, **changes: float) -> Family:
    """The named family on these episodes, with its usual options unless changed."""
    if name not in FAMILIES:
        raise InvalidProblem(f"unknown family {name!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[name](episodes, **{**OPTIONS[name], **changes})


def _arrays(e: Episodes) -> dict[str, Array]:
    return {
        "support_x": e.support_x,
        "support_y": e.support_y,
        "query_x": e.query_x,
        "query_y": e.query_y,
    }
