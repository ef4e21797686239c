"""Slopes of the loss of unlabelled data at the labels that the model predicts for them.

D loss(x, one-hot argmax outputs(x)),     the label held fixed, through adaptation of the datum's own task
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import jacrev

from metainfl.derive.failure import Tried, named
from metainfl.derive.padding import without_padding
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidTasks, NotFinite
from metainfl.problem.asked import require_targets
from metainfl.problem.tasks import Tasks, TaskView


def predicted_slopes(problem: Problem, pool: Tasks) -> Tensor:
    """D loss(x, predicted label) of every query instance (T, n, p), each through its task's adaptation."""
    pool = require_targets(problem, pool, "a pool")
    sizes = sorted({batch.query_x.shape[1] for _, batch in pool.groups()})
    if len(sizes) > 1:
        raise InvalidTasks(
            f"tasks of the pool have {sizes} query instances: ask for the batches of pool.groups() one at a "
            "time, or make it tasks of one instance each"
        )
    lam, rows = problem.lam, []
    for k in range(pool.n_tasks):
        given = pool.select([k]).view()
        counted = without_padding(given)  # query instances are all asked about
        one = given._replace(support_x=counted.support_x, support_y=counted.support_y)
        tried = Tried(problem, lam, one, None, torch.tensor([k], device="cpu"), "the pool's task")
        with named(tried):
            prepared = problem.adaptation.prepare(problem.setting, lam, one)
        state = tuple(s[0] for s in prepared)
        view = type(one)(*(t[0] for t in one))

        def losses(at: Tensor, view: TaskView = view, state: Any = state) -> Tensor:
            outputs = problem.outputs(at, at, view, state)
            label = torch.nn.functional.one_hot(outputs.detach().argmax(-1), outputs.shape[-1])
            own: Tensor = problem.outer_loss(outputs, label.to(outputs.dtype))
            return own

        with named(tried._replace(state=prepared)):
            rows.append(_finite(jacrev(losses)(lam), k))
    return torch.stack(rows)


def _finite(slopes: Tensor, k: int) -> Tensor:
    """Slopes (n, p) of task k of the pool, if they are: a NaN would be ranked."""
    bad = (~torch.isfinite(slopes).all(1)).nonzero()
    if len(bad):
        j = int(bad[0])
        raise NotFinite(
            f"the slope of query instance {j} of the pool's task {k} is not finite: look at the scale "
            "of its inputs",
            quantity="slope",
            task=k,
            instance=j,
        )
    return slopes
