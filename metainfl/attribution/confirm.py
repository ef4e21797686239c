"""Which removals are done for real, and what was predicted of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from metainfl.attribution.confirmation import Confirmation
from metainfl.attribution.of_problem import OfProblem
from metainfl.attribution.of_run import OfRun
from metainfl.attribution.result import Attribution
from metainfl.numbers import seed as checked_seed
from metainfl.problem.perturbation import Perturbation, group, task
from metainfl.problem.tasks import Tasks
from metainfl.problem.undone import parted
from metainfl.training.scores import Reruns

#: tasks that are removed at once
Ks = tuple[int, ...]


def to_confirm(found: Attribution, reruns: int, seed: int) -> tuple[list[int], list[int]]:
    """Tasks to remove one by one, and those to remove together: `reruns` removals in all.

    A third each of the most harmful and the most helpful, the rest drawn at random among the others.
    """
    third = max(1, (reruns - 1) // 3)
    worst = found.harmful(third)
    together = worst if len(worst) > 1 and reruns > 3 else []
    chosen = list(dict.fromkeys([*worst, *found.helpful(third)]))
    draw = torch.Generator().manual_seed(checked_seed(seed))
    mean = found.tasks.mean(1)
    for k in torch.randperm(len(mean), generator=draw, device="cpu").tolist():
        if len(chosen) + bool(together) >= reruns:
            break
        if k not in chosen and mean[k] != 0:
            chosen.append(k)
    return chosen[: reruns - bool(together)], together


def confirmed(
    by: OfProblem | OfRun,
    found: Attribution,
    targets: Tasks,
    chosen: Sequence[int],
    together: Sequence[int],
    *,
    own: Tensor | None,
    jobs: int,
    store: Path | None,
    progress: bool,
) -> tuple[Confirmation | None, dict[str, str]]:
    """Those removals, None if none of a single task could be done; and of those that could not, why.

    Where scores are means over runs, `own` (T, m) are those of the run that is run again: it is they that
    predict its removals.
    """
    asked: dict[Ks, Perturbation] = {(k,): task(k) for k in chosen}
    if together:
        asked[tuple(together)] = group(task(k) for k in together)

    changes = by.removed(targets, list(asked.values()), jobs=jobs, store=store, progress=progress)
    true, left = parted(list(asked), changes)
    undone = {str(asked[ks]): why for ks, why in left.items()}
    some = [k for k in chosen if (k,) in true]
    if not some:
        return None, undone
    scores = found.tasks if own is None else own
    predicted = torch.stack([scores[list(ks)].sum(0) for ks in true])
    done = Reruns(tuple(asked[ks] for ks in true), predicted, torch.stack(list(true.values())))
    last = tuple(together) if tuple(together) in true else ()
    return Confirmation(tuple(some), last, done, first_run=own is not None), undone
