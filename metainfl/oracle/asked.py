"""Everything that can be asked of a problem: its tasks, instances, input shifts, and groups of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.bridge import to_production
from metainfl.problem.perturbation import Perturbation
from metainfl_reference import perturbation as truth_of
from metainfl_reference.episodes import Weights
from metainfl_reference.family import Family
from metainfl_reference.generators import CLASSIFICATION

FEW = 8  # tasks of a game: more are in groups of more members than anyone would cut off


def perturbations(
    family: Family, weights: Weights | None, kinds: Sequence[str], limit: int | None = None
) -> list[Perturbation]:
    """Every perturbation of these kinds that the family knows, or `limit` spread evenly.

    Data of weight 0 (padding) are not asked about: they are not there.
    """
    e, w = family.episodes, weights or Weights.ones(family.episodes)
    t, d = e.n_tasks, e.query_x.shape[2]
    single = family.name.startswith("single")
    here = {s: np.argwhere(getattr(w, s) != 0).tolist() for s in ("support", "query")}
    sides = ("query",) if single else ("support", "query")
    out: list[truth_of.Perturbation] = []
    if "task" in kinds:
        out += [truth_of.task(k) for k in range(t) if w.task[k]]
    if "support" in kinds and not single:
        out += [truth_of.support(k, j) for k, j in here["support"]]
    if "query" in kinds:
        out += [truth_of.query(k, j) for k, j in here["query"]]
    for side in sides:
        if f"{side}_input" in kinds:
            out += [truth_of.shift(side, k, j, a) for k, j in here[side] for a in range(d)]  # type: ignore[arg-type]
    if "group" in kinds:
        out += _groups(family, w, here, single)
    if limit is not None and len(out) > limit:
        out = [out[i] for i in np.linspace(0, len(out) - 1, limit).astype(int)]
    return [to_production(p) for p in out]


def _groups(
    family: Family, w: Weights, here: dict[str, list[list[int]]], single: bool
) -> list[truth_of.Perturbation]:
    """Whole tasks, a task alone, instances of one side, and a mixture.

    Of one or two tasks: the one alone, and of its own instances some of one side.
    """
    t = family.episodes.n_tasks
    alone = truth_of.group([truth_of.task(next(k for k in reversed(range(t)) if w.task[k]))])
    if t <= 2:
        k = alone.members[0].task
        of_one = [[truth_of.query(m, i) for m, i in here["query"] if m == k][:2]]
        of_one += [] if single else [[truth_of.support(k, i) for i in _by_way(family, here, k)[:2]]]
        return [alone, *(truth_of.group(own) for own in of_one if len(own) > 1)]
    some = (0, 2, 3, 4) if t <= FEW else (0, *range(2, t, 2))
    whole = [truth_of.task(k) for k in some if k < t and w.task[k]]
    tasks = truth_of.group(whole if t > len(whole) else whole[:2])
    mixed = _mixed(family, here, single)
    sides = [[m for m in mixed.members if m.kind == s] for s in ("query", "support")]
    return [tasks, alone, *(truth_of.group(own) for own in sides if len(own) > 1), mixed]


def _mixed(family: Family, here: dict[str, list[list[int]]], single: bool) -> truth_of.Perturbation:
    """A task and an instance a side of its own; of others three queries, and two or three supports.

    Of second order, and of removals, only members of one task tell whether what they share is counted.
    """
    k, j = here["query"][-1]
    members = [truth_of.task(1), truth_of.query(k, j)]
    members += [truth_of.query(k, i) for m, i in here["query"] if m == k and i != j][:2]
    members += [truth_of.query(1, i) for m, i in here["query"] if m == 1 != k][:1]
    if not single:
        own = _by_way(family, here, 0)
        members += [truth_of.support(0, i) for i in own[: _apart(family, own)]]
        members += [truth_of.support(1, i) for i in _by_way(family, here, 1)[:1]]
        members += [truth_of.support(k, i) for i in _by_way(family, here, k)[:1] if k > 1]
    return truth_of.group(members)


def _apart(family: Family, own: list[int]) -> int:
    """Three supports where that leaves every way a shot, or there are no ways; two else."""
    y = family.episodes.support_y[0].argmax(1)
    ways, counts = y[own[:3]], np.bincount(y[own])
    left = counts - np.bincount(ways, minlength=len(counts))
    spare = family.name not in CLASSIFICATION or bool((left[ways] > 0).all())
    return 3 if len(own) > 3 and spare else 2


def _by_way(family: Family, here: dict[str, list[list[int]]], k: int) -> list[int]:
    """Supports of a task: one of the way that has most of them first, then another way's, where it can."""
    y = family.episodes.support_y[k].argmax(1)
    own = [i for m, i in here["support"] if m == k]
    counts = np.bincount(y[own])
    own.sort(key=lambda i: -int(counts[y[i]]))
    return [*own[:1], *sorted(own[1:], key=lambda i: bool(y[i] == y[own[0]]))]
