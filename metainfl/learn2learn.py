"""From learn2learn: episodes of a `Taskset` as `Tasks`, a trained `MAML` as a `Problem`.

learn2learn's loops adapt by gradient steps on the *mean* loss of the support set; here losses are summed,
so the rate is divided by the number of support instances. Nothing of learn2learn is imported: its objects
bring what is needed. See also `Unrolled`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from metainfl.adaptation import Unrolled
from metainfl.data.encode import one_hot
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.problem.losses import Loss, cross_entropy
from metainfl.problem.model import FromModule
from metainfl.problem.own_copy import own_copy
from metainfl.problem.tasks import Tasks


def tasks_from(taskset: Any, n_tasks: int, *, ways: int, shots: int, queries: int) -> Tasks:
    """Sample `n_tasks` episodes: of every class the first `shots` to support, the next `queries` to query.

    `taskset.sample()` gives inputs (n, ...) and integer labels (n,) of one episode; labels are renumbered
    0 to ways - 1 in their order and one-hot encoded. Instances stand class by class. Sampled once: the
    same episodes stay the problem's data from then on.
    """
    if min(n_tasks, ways, shots, queries) < 1:
        raise InvalidTasks("n_tasks, ways, shots and queries must all be at least 1")
    split = [_episode(taskset.sample(), k, ways, shots, queries) for k in range(n_tasks)]
    support, query = (torch.stack([s[side] for s in split]) for side in (0, 1))
    targets = [
        one_hot(torch.arange(ways, device="cpu").repeat_interleave(n), ways).to(support)
        for n in (shots, queries)
    ]
    return Tasks(
        support,
        targets[0].expand(n_tasks, -1, -1).clone(),
        query,
        targets[1].expand(n_tasks, -1, -1).clone(),
    )


def _episode(
    sample: tuple[Tensor, Tensor], number: int, ways: int, shots: int, queries: int
) -> tuple[Tensor, Tensor]:
    """Support and query inputs of one episode, class by class."""
    x, y = sample[0], torch.as_tensor(sample[1], device="cpu")
    classes = y.unique()
    if len(classes) != ways:
        raise InvalidTasks(f"episode {number} has {len(classes)} classes, {ways} were asked for")
    members = [torch.nonzero(y == c)[:, 0] for c in classes]
    fewest = min(len(m) for m in members)
    if fewest < shots + queries:
        raise InvalidTasks(
            f"episode {number} has a class of {fewest} instances, {shots} + {queries} are needed; "
            "sample more with KShots"
        )
    first = torch.cat([m[:shots] for m in members])
    then = torch.cat([m[shots : shots + queries] for m in members])
    return x[first], x[then]


def problem_from(
    maml: Any,
    tasks: Tasks,
    *,
    steps: int,
    outer_reg: float,
    inner_loss: Loss = cross_entropy,
    outer_loss: Loss | None = None,
    **options: Any,
) -> Problem:
    """A trained `learn2learn.algorithms.MAML` with its rate and parameters; `options` go to `Problem`.

    F sums over tasks and query instances: where training took means, `outer_reg` is its weight decay
    times the number of tasks times that of query instances. The module is copied. Normalisation layers
    in training mode use the statistics of their batch, as they do in learn2learn's loops, and no longer
    update running ones.
    """
    module, rate = getattr(maml, "module", None), getattr(maml, "lr", None)
    if not isinstance(module, nn.Module) or not isinstance(rate, (int, float)):
        raise InvalidProblem(
            f"expected a learn2learn.algorithms.MAML with a module and a rate, got {type(maml).__name__}; "
            "for other algorithms give Problem the module and an adaptation of its own"
        )
    if getattr(maml, "first_order", False):
        raise InvalidProblem(
            "first-order MAML is not the gradient of any objective, so it has no influence function; "
            "build MAML with first_order=False"
        )
    model = FromModule(_with_batch_statistics(own_copy(module)))
    model.origin = model.origin.also(module)
    per_instance = float(rate) / tasks.support_x.shape[1]
    problem = Problem(
        model,
        tasks,
        Unrolled(steps, per_instance),
        inner_loss=inner_loss,
        outer_loss=outer_loss,
        outer_reg=outer_reg,
        **options,
    )
    problem.lam = model.current()
    return problem


def _with_batch_statistics(module: nn.Module) -> nn.Module:
    for m in module.modules():
        if isinstance(m, nn.modules.batchnorm._NormBase) and m.training:
            m.track_running_stats = False
    return module
