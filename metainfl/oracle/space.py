"""The space that a method is asked about: drawn cases in which every field of every part is varied.

Each family is drawn in several designs, by seed. No two sizes of a case are alike (unless the design
says square), so that an index or a factor taken from the wrong axis shows; `coverage` says which
field is varied where.

    wide      more queries than supports, several outputs, ragged tasks (padding of weight 0 at any place),
              weights other than 1, `direct`, an outer loss that is not the inner one, six or seven steps
              with one rate a parameter, two of them 0, one precision a parameter (every other family),
              rank 3; three ragged targets, whose tasks have weights, which count for nothing
    narrow    more supports than queries, one output where the loss allows it, weights 1, one rate, other
              regularisers, one precision a parameter for the other families, one target; eight tasks for
              regression (games over more than a handful), square (as many features as ways) for
              classification
    many      17 to 67 tasks, more than any batch that is hard-wired; one step; five targets of one shot
    least     a single task, of one shot (a way), and a single target
    stiff     total Hessian of condition 1e6, tasks that are not alike

Classes stand in another order in every task: nothing may be read off an instance's place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from metainfl.errors import InvalidProblem
from metainfl.oracle.case import Case
from metainfl_reference.conditioned import stretched
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import TruthError
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import CLASSIFICATION, build, classification, regression

Array = np.ndarray
DESIGNS = ("wide", "narrow", "many", "least", "stiff")
TARGETS = {"wide": 3, "narrow": 1, "many": 5, "least": 1}
SAME_SPACE = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax")
EMBEDDED = ("linear_representation", "prototypes")
STIFF = 1e6
PADDING = 7.0  # inputs and targets of rows of weight 0: nobody may read them
ATTEMPTS = 16
CLOSED = ("single_ridge", "proximal_ridge")  # many tasks cost them least
MOST = 3e3  # condition number of a case that is not stiff


@lru_cache(maxsize=1024)
def drawn_case(name: str, design: str, seed: int = 0) -> Case:
    """The named family in one of `DESIGNS`; the first of a few draws that certifies.

    Raises `InvalidProblem` for an unknown family or design.
    """
    if name not in FAMILIES or design not in DESIGNS:
        raise InvalidProblem(
            f"no case {name!r}, {design!r}: families {', '.join(FAMILIES)}; "
            f"designs {', '.join(DESIGNS)}"
        )
    code = f"metainfl.oracle.drawn_case({name!r}, {design!r}, {seed})"
    last: TruthError | None = None
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng(
            [seed, sorted(FAMILIES).index(name), DESIGNS.index(design), attempt]
        )
        try:
            case = replace(
                _draw(name, design, seed, rng), name=f"{name}[{seed}], {design}", code=code
            )
            if case.condition <= (100 * STIFF if design == "stiff" else MOST):
                return case  # an ill-conditioned draw would test rounding, not the formula
        except TruthError as error:
            last = error
    raise InvalidProblem(
        f"{name}, {design}, seed {seed}: none of {ATTEMPTS} draws certifies: {last}"
    )


def _draw(name: str, design: str, seed: int, rng: np.random.Generator) -> Case:
    draw = int(rng.integers(2**31))
    if design == "stiff":
        family = stretched(name, draw, total=STIFF)
        return Case("", family, "", target_episodes=_targets(name, family.episodes, draw, 2))
    size = _sizes(name, design, rng)
    episodes = _episodes(name, draw, size)
    seen, own = _targets(name, episodes, draw, TARGETS[design], design), None
    options = _options(name, design, seed, rng, size)
    weights = None
    if design == "wide":
        episodes, weights = _ragged(episodes, rng)
        seen, own = _ragged(seen, rng)
    family = build(name, episodes, **options)
    return Case("", family, "", weights=weights, target_episodes=seen, target_weights=own)


def _sizes(name: str, design: str, rng: np.random.Generator) -> dict[str, int]:
    """Tasks, support and query instances (a way, for classification), features, outputs."""
    ways = name in CLASSIFICATION
    pick = lambda *values: int(rng.choice(values))  # noqa: E731
    if design == "wide":
        d, c = (7, 3) if ways else (9, 2)
        s, q = (2, 3) if ways else (pick(5, 6), pick(7, 8))
        return {"tasks": 5 if ways else 3, "support": s, "query": q, "d": d, "c": c}
    if design == "narrow":
        d, c = (3, 3) if ways else (3, 1)
        s, q = (pick(2, 3), 1) if ways else (pick(5, 6), 2)
        return {"tasks": 4 if ways else 8, "support": s, "query": q, "d": d, "c": c}
    if design == "least":
        s = 2 if name == "prototypes" else 1  # one shot is its prototype, whatever its weight
        return {"tasks": 1, "support": s, "query": 3 if ways else 5, "d": 4 if ways else 3, "c": 2}
    d, c = (3, 2) if ways else (2, 3)
    s, q = (2, 3) if ways else (4, 1)
    tasks = pick(17, 31, 40, 67, 67)
    tasks = 67 if name in CLOSED else tasks  # at every seed: more than a batch of 64
    return {"tasks": tasks, "support": s, "query": q, "d": d, "c": c}


def _episodes(name: str, seed: int, size: dict[str, int]) -> Episodes:
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


def _targets(name: str, e: Episodes, seed: int, many: int, design: str = "") -> Episodes:
    """Target tasks of other sizes than the training tasks, same features and outputs; one shot for `many`."""
    d, c, seed = e.query_x.shape[2], e.query_y.shape[2], seed + 1
    size = {
        "tasks": many,
        "support": 1 if design == "many" else 2 if name in CLASSIFICATION else 7,
        "query": 3,
        "d": d,
        "c": c,
    }
    return _episodes(name, seed, size)


def _options(
    name: str, design: str, seed: int, rng: np.random.Generator, size: dict[str, int]
) -> dict[str, Any]:
    """Regularisers, rank, steps, rates, direct term, outer loss."""
    out: dict[str, Any] = {}
    convex = name in ("single_ridge", "single_softmax", "proximal_ridge", "maml_linear")
    out["d_out"] = float(rng.uniform(0.4, 0.9) if convex else rng.uniform(0.1, 0.3))
    if name in ("proximal_ridge", "proximal_softmax", "linear_representation"):
        out["d_in"] = float(rng.uniform(0.6, 1.7))
    if name in EMBEDDED:
        out["rank"] = {"wide": 3, "narrow": 2}.get(design, 1)
    if name.startswith("maml"):
        shape = (size["d"], size["c"])
        out["steps"] = {"wide": int(rng.choice([6, 7])), "many": 1}.get(design, 3)
        out["alpha"] = rng.uniform(0.02, 0.08, shape) if design == "wide" else 0.05
        if design == "wide":
            out["alpha"][0, 0] = out["alpha"][-1, -1] = 0.0  # not adapted
        out["d_in"] = 0.4 if design == "wide" else 0.0
    # in one design or the other: a method may know numbers only, and is told so; a symmetry it would break
    vector = ("wide", "narrow")[(sorted(FAMILIES).index(name) + seed) % 2]
    if design == vector and name not in EMBEDDED:
        out["d_out"] = out["d_out"] * rng.uniform(0.6, 1.4, size["d"] * size["c"])
    if design == "wide" and name in SAME_SPACE:
        out["direct"] = float(rng.uniform(0.2, 0.5))
    if design == "wide" and name in ("maml_softmax", "proximal_softmax"):
        out["outer_loss"] = "squared"
    return out


def _ragged(e: Episodes, rng: np.random.Generator) -> tuple[Episodes, Weights]:
    """Weights between 1/2 and 3/2; of the tasks but the first one instance a side is padding, anywhere."""
    ones = Weights.ones(e)
    w = Weights(*(rng.uniform(0.5, 1.5, a.shape) for a in (ones.task, ones.support, ones.query)))
    arrays = {n: np.array(getattr(e, n)) for n in ("support_x", "support_y", "query_x", "query_y")}
    for side, weight in (("support", w.support), ("query", w.query)):
        for k, j in enumerate(_places(e, side, rng), 1):
            weight[k, j] = 0.0  # every way keeps a shot: there are two at least
            arrays[f"{side}_x"][k, j] = PADDING
            arrays[f"{side}_y"][k, j] = arrays[f"{side}_y"][k, 0 if j else 1]
    return Episodes(**arrays), w


def _places(e: Episodes, side: str, rng: np.random.Generator) -> list[int]:
    """Where the padding of each task but the first stands: the first, the last, and in between."""
    n = getattr(e, f"{side}_x").shape[1]
    inner = [int(k) for k in rng.integers(1, max(n - 1, 2), max(e.n_tasks - 3, 0))]
    return ([n // 2, 0, *inner] if e.n_tasks > 2 else [n // 2])[: e.n_tasks - 1]
