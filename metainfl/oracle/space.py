"""The space that a method is asked about: drawn cases in which every field of every part is varied.

Each family is drawn in several designs, by seed. No two sizes of a wide case are alike, so that an index
or a factor taken from the wrong axis shows; in the others some are, in every pair that code may take for each
other, where an array turned round has the shape that is meant. `coverage` says which field is varied where.

    wide      more queries than supports, several outputs, labels that are probabilities, ragged tasks
              (padding of weight 0 at any place), weights other than 1, near 0 and above 2 among them,
              `direct`, an outer loss that is not the inner one, eleven or twelve steps with one rate a
              parameter, two of them 0, one precision a parameter (every other family), rank 3; three
              ragged targets, whose tasks have weights, which count for nothing
    narrow    more supports than queries, more than 16 of them, one output where the loss allows it,
              weights 1, one rate, other regularisers, one precision a parameter for the other families,
              one target; eight tasks for regression (games over more than a handful); as many features
              as queries, and as ways for classification
    many      17 to 67 tasks, 131 where they cost least: more than any batch that is hard-wired, in one
              group more than anyone cuts off; up to 36 parameters; one step; 17 targets of one shot; as
              many features as supports for regression
    least     a single task, of one shot (a way), six outputs and 18 queries or more, and a single target;
              as many features as outputs, and as supports for classification
    stiff     total Hessian of condition 1e6, tasks that are not alike
    pair      two tasks, and as many of everything else as there can be two of (full checks alone)
    players   six tasks: for games alone, where ceil(0.7 T), its rounding and T - 1 are three numbers

Classes stand in another order in every task: nothing may be read off an instance's place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from metainfl.errors import InvalidProblem
from metainfl.oracle.case import Case
from metainfl.oracle.drawn_data import drawn_episodes, drawn_targets, ragged, softened
from metainfl_reference.conditioned import stretched
from metainfl_reference.errors import TruthError
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import CLASSIFICATION, build

DESIGNS = ("wide", "narrow", "many", "least", "stiff")
PLAYERS, PAIR = "players", "pair"
TARGETS = {"wide": 3, "narrow": 1, "many": 17, "least": 1, PLAYERS: 2, PAIR: 2}
SAME_SPACE = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax")
EMBEDDED = ("linear_representation", "prototypes")
STIFF = 1e6
ATTEMPTS = 16
CLOSED = ("single_ridge", "proximal_ridge")  # many tasks cost them least
MOST = 3e3  # condition number of a case that is not stiff


@lru_cache(maxsize=1024)
def drawn_case(name: str, design: str, seed: int = 0) -> Case:
    """The named family in one of `DESIGNS`; the first of a few draws that certifies.

    Raises `InvalidProblem` for an unknown family or design.
    """
    every = (*DESIGNS, PLAYERS, PAIR)
    if name not in FAMILIES or design not in every:
        raise InvalidProblem(
            f"no case {name!r}, {design!r}: families {', '.join(FAMILIES)}; "
            f"designs {', '.join(every)}"
        )
    code = f"metainfl.oracle.drawn_case({name!r}, {design!r}, {seed})"
    last: TruthError | None = None
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng(
            [seed, sorted(FAMILIES).index(name), every.index(design), attempt]
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
        return Case("", family, "", target_episodes=drawn_targets(name, family.episodes, draw, 2))
    size = _sizes(name, design, rng)
    episodes = drawn_episodes(name, draw, size)
    shots = 1 if design == "many" else 0
    seen, own = drawn_targets(name, episodes, draw, TARGETS[design], shots=shots), None
    options = _options(name, design, seed, rng, size)
    weights = None
    if design == "wide":
        episodes, weights = ragged(softened(name, episodes, rng), rng)
        seen, own = ragged(softened(name, seen, rng), rng)
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
        s, q = (pick(6, 7), 1) if ways else (pick(17, 19), 3)
        return {"tasks": 4 if ways else 8, "support": s, "query": q, "d": d, "c": c}
    if design == "least":
        s = 2 if name == "prototypes" else 1  # one shot is its prototype, whatever its weight
        return {"tasks": 1, "support": s, "query": 3 if ways else 19, "d": 6 * s, "c": 6}
    if design == PAIR:
        return {
            "tasks": 2,
            "support": 2,
            "query": 2 if name in EMBEDDED or not ways else 1,
            "d": 2,
            "c": 2,
        }
    if design == PLAYERS:
        return {"tasks": 6, "support": 4, "query": 5, "d": 3, "c": 2}
    d, c = (18, 2) if ways else (12, 3)
    s, q = (2, 3) if ways else (12, 1)
    tasks = pick(17, 31, 40, 67, 67)
    tasks = 131 if name in CLOSED else tasks  # at every seed: more than a batch of 128
    return {"tasks": tasks, "support": s, "query": q, "d": d, "c": c}


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
        out["steps"] = {"wide": int(rng.choice([11, 12])), "many": 1}.get(design, 3)
        out["alpha"] = rng.uniform(0.008, 0.035, shape) if design == "wide" else 0.01
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
