"""Drawn runs: every family, under every optimiser, with batches, rates and weights that are not alike.

    gradient descent   weight decay, unequal batches, one with a task twice, rates that fall
    momentum           coupled decay, dampening; sums over the batch in place of means; stopped two steps
                       before the end of its recipe
    Nesterov           decoupled decay, clipped where it acts; few states kept
    Adam               coupled decay, clipped where it acts; a last phase, that carries moments on
    AdamW              decoupled decay, epsilon inside the root
    singles            batches of one task
    alone              the same of other sizes, with decay: for what is defined of such batches only
    long               110 steps; a last phase too
Tasks, support and query instances have weights other than 1 in the wide designs; one task is in no batch.

Families take turns, by seed: every other one is run by `OTHERS` instead, where what goes together above does
not. Plain descent is clipped, of sums, with decoupled decay, one rate and all tasks in each batch; momentum
has no dampening and goes on from earlier steps, of two tasks; Adam begins afresh, without decay
or clipping, of sums of many tasks, epsilon inside the root, and is stopped early; Nesterov's decay is
coupled, nothing is clipped, of a single task, and it goes on too; AdamW is clipped, of sums, carries moments
on, and few of its states are kept.

Plain runs, of which laws are asked, are of means that nothing clips under every optimiser.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from metainfl.oracle.cases import small_case
from metainfl.oracle.drawing import ORDER
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.space import drawn_case
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import TruthError
from metainfl_reference.estimands.trajectory import Recipe, State

RECIPES: dict[str, dict[str, Any]] = {
    "gradient descent": {"weight_decay": 0.15},
    "momentum": {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1, "reduction": "sum"},
    "Adam": {"optimiser": "adam", "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "clip": 0.7},
    "Nesterov": {
        "momentum": 0.7,
        "nesterov": True,
        "weight_decay": 0.2,
        "decoupled": True,
        "clip": 0.9,
    },
    "AdamW": {
        "optimiser": "adam",
        "betas": (0.7, 0.9),
        "weight_decay": 0.3,
        "decoupled": True,
        "eps": 1e-2,
        "eps_inside_root": True,
    },
    "singles": {"momentum": 0.5},
    "long": {"momentum": 0.4, "dampening": 0.2},
    "alone": {"optimiser": "adam", "betas": (0.6, 0.9), "eps": 1e-2, "weight_decay": 0.2},
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    "gradient descent": {"weight_decay": 0.15, "decoupled": True, "clip": 0.8, "reduction": "sum"},
    "momentum": {"momentum": 0.8, "weight_decay": 0.1, "decoupled": True, "clip": 0.9},
    "Adam": {
        "optimiser": "adam",
        "betas": (0.8, 0.95),
        "eps": 1e-2,
        "eps_inside_root": True,
        "reduction": "sum",
    },
    "Nesterov": {"momentum": 0.7, "nesterov": True, "weight_decay": 0.2, "reduction": "sum"},
    "AdamW": {
        "optimiser": "adam",
        "betas": (0.7, 0.9),
        "weight_decay": 0.3,
        "decoupled": True,
        "eps": 1e-2,
        "clip": 1.2,
        "reduction": "sum",
    },
}
DESIGNS = tuple(RECIPES)
#: of plain runs: what most recipes are, and none of those above that has moments
USUAL: dict[str, Any] = {"clip": None, "reduction": "mean"}
#: designs that go on from a state with moments; how many states may be kept
CARRIED = ("Adam", "long")
KEPT = {"Nesterov": 3}
AHEAD = {"momentum": 2}
#: the same where `OTHERS` is taken
OTHERS_CARRIED, OTHERS_KEPT = ("momentum", "Nesterov", "AdamW"), {"AdamW": 3}
OTHERS_AHEAD, OTHER_SIZES = {"Adam": 1}, {"momentum": "pair", "Nesterov": "least", "Adam": "many"}
SINGLE = ("singles", "alone")
LONG = 110
FAR = 6.0  # times the start's size: further out, outputs saturate and what is left of slopes is rounding
ROUGH = 1000.0  # the most by which a change of the start may grow in a derivative
HALVINGS = 8
# how near a gradient may come to the longest that is not clipped, as a share of it: differences in single
# precision, which move a weight by a hundredth, would stand on both sides of the kink
BESIDE = 0.03


@lru_cache(maxsize=256)
def drawn_run(name: str, optimiser: str, seed: int = 0, *, plain: bool = False) -> RunCase:
    """The named family under one of `RECIPES`; `plain`: of one size for every seed, nothing padded."""
    rng = np.random.default_rng([seed, DESIGNS.index(optimiser), len(name)])
    turn, family = seed + DESIGNS.index(optimiser), ORDER.index(name)
    other = not plain and optimiser in OTHERS and (turn + family) % 2 == 1
    if plain:
        base = small_case(name, seed)
        ones = Weights.ones(base.family.episodes)
        own = (rng.uniform(0.5, 1.5, a.shape) for a in (ones.task, ones.support, ones.query))
        base = replace(base, weights=Weights(*own))
    else:
        design = ("wide", "narrow")[(turn + (optimiser == "alone") + family // 2) % 2]
        base = drawn_case(name, OTHER_SIZES.get(optimiser, design) if other else design, seed)
    n = base.family.episodes.n_tasks
    used = [int(k) for k in rng.permutation(n)[: max(2, n - 1)]]
    sizes: tuple[int, ...] = (1,) * 7 if optimiser in SINGLE else (2, 1, 3, 2, 1, 2, 3)
    if optimiser == "long":
        sizes = (sizes * LONG)[: LONG - 1]
    batches = tuple(tuple(int(k) for k in rng.choice(used, size)) for size in sizes)
    last = batches[-1] if optimiser in SINGLE else (*used[:2], used[0])
    whole = (*batches[:-1], last)
    rates = np.linspace(0.07, 0.03, len(whole)) * rng.uniform(0.8, 1.2, len(whole))
    if optimiser == "long":
        rates = rates / 4
    if other and optimiser == "gradient descent":
        whole, rates = (tuple(range(n)),) * len(whole), np.full(len(whole), 0.4 * rates[0])
    start = rng.standard_normal(base.family.n_meta)
    carried = None
    if optimiser in (OTHERS_CARRIED if other else CARRIED):
        first, second = 0.3 * rng.standard_normal(len(start)), rng.uniform(0.1, 0.4, len(start))
        carried = State(start, first, second, 3)
    more = ", plain=True" if plain else ""
    code = f"metainfl.oracle.runs.space.drawn_run({name!r}, {optimiser!r}, {seed}{more})"
    title = f"{name}[{seed}], {optimiser}" + (", plain" if plain else "")
    chosen = {**(OTHERS if other else RECIPES)[optimiser], **(USUAL if plain else {})}
    for _ in range(HALVINGS):
        recipe = Recipe(whole, tuple(rates), **chosen)
        case = RunCase(
            title,
            base.family,
            code,
            start,
            base.weights,
            base.target_episodes,
            base.target_weights,
            recipe,
            carried,
            (OTHERS_KEPT if other else KEPT).get(optimiser),
            (OTHERS_AHEAD if other else AHEAD).get(optimiser, 0),
        )
        if not _tame(case):
            rates = rates / 2
        elif _beside_a_kink(case):
            chosen = {**chosen, "clip": 1.07 * chosen["clip"]}
        else:
            break
    return case


def _tame(case: RunCase) -> bool:
    """A run that keeps near its start and does not multiply what moves it: another would judge rounding."""
    assert case.start is not None
    try:
        far = np.abs(case.truth_run.lam).max() / np.abs(case.start).max()
        return bool(far <= FAR) and case.growth <= ROUGH
    except TruthError:
        return False


def _beside_a_kink(case: RunCase) -> bool:
    """Whether some step is almost clipped, or barely."""
    assert case.recipe is not None
    most, run = case.recipe.clip, case.truth_run
    if most is None:
        return False
    lengths = (float(np.linalg.norm(run.batch(t).gradient())) for t in range(case.recipe.steps))
    return any(abs(length - most) < BESIDE * most for length in lengths)
