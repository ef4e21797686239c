"""How large a drawn case is, and its parts: regularisers, rank, steps, rates, direct term, outer loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import CLASSIFICATION

SAME_SPACE = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax")
EMBEDDED = ("linear_representation", "prototypes")
CLOSED = ("single_ridge", "proximal_ridge")  # many tasks cost them least


def sizes(name: str, design: str, rng: np.random.Generator) -> dict[str, int]:
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
        c = 6 if name in EMBEDDED else 9  # outputs, and c^2 parameters where there is no embedding
        s = 2 if name == "prototypes" else 1  # one shot is its prototype, whatever its weight
        return {"tasks": 1, "support": s, "query": 3 if ways else 19, "d": c * s, "c": c}
    if design == "pair":
        q = 2 if name in EMBEDDED or not ways else 1
        return {"tasks": 2, "support": 2, "query": q, "d": 2, "c": 2}
    if design == "line":
        return {"tasks": 3, "support": 2 if ways else 4, "query": 1, "d": 1, "c": 3}
    if design == "players":
        return {"tasks": 6, "support": 4, "query": 5, "d": 3, "c": 2}
    d, c = (18, 2) if ways else (12, 3)
    s, q = (2, 3) if ways else (12, 1)
    tasks = pick(17, 31, 40, 67, 67)
    tasks = 131 if name in CLOSED else tasks  # at every seed: more than a batch of 128
    return {"tasks": tasks, "support": s, "query": q, "d": d, "c": c}


def target_sizes(name: str, design: str, size: dict[str, int]) -> dict[str, int]:
    """Support and query instances (a way, for classification) of the targets: mostly other numbers than the
    tasks', in pair the same.
    """
    ways = name in CLASSIFICATION
    if design == "narrow":
        return {"support": 4, "query": 6} if ways else {"support": 9, "query": 18}
    if design == "many":
        return {"support": 1, "query": 1}
    if design == "pair":
        return {n: size[n] for n in ("support", "query")}
    return {"support": 2 if ways else 7, "query": 3}


def options(
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
        steps = {
            "wide": (11, 12),
            "narrow": tuple(range(4, 10)),
            "many": (1,),
            "pair": (2,),
            "line": (1,),
        }
        out["steps"] = int(rng.choice(steps.get(design, (3,))))
        out["alpha"] = (
            rng.uniform(0.008, 0.035, shape) if design in ("wide", "pair", "line") else 0.01
        )
        if design == "wide":
            out["alpha"][0, 0] = out["alpha"][-1, -1] = 0.0  # not adapted
        out["d_in"] = 0.4 if design in ("wide", "narrow") else 0.0
    # in one design or the other: a method may know numbers only, and is told so; a symmetry it would break
    vector = ("wide", "narrow")[(sorted(FAMILIES).index(name) + seed) % 2]
    free = vector if name in CLASSIFICATION else "line"  # one parameter of it is not regularised
    if design in (vector, "line") and name not in EMBEDDED:
        out["d_out"] = out["d_out"] * rng.uniform(0.6, 1.4, size["d"] * size["c"])
        out["d_out"][1] *= design != free
    if design in ("wide", "line", "least") and name in SAME_SPACE:
        out["direct"] = 1.0 if design == "least" else float(rng.uniform(0.2, 0.5))
    if design == "many":  # one of the two, by turns
        if vector == "wide" and name in SAME_SPACE:
            out["direct"] = 0.25
        elif name not in EMBEDDED:
            out["d_out"] = out["d_out"] * np.linspace(0.7, 1.3, size["d"] * size["c"])
    if design in ("wide", "pair") and name in ("maml_softmax", "proximal_softmax"):
        out["outer_loss"] = "squared"
    return out
