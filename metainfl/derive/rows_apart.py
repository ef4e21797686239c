"""Whether a model leaves instances apart: only then does a weight of 0 leave one of them out.

Layers that normalise with the statistics of their batch are known by type (`Definition`); what a model does
by hand (a mean over instances, attention between them) is seen in its outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.failure import passes
from metainfl.derive.seen import Seen
from metainfl.errors import InvalidProblem
from metainfl.problem import Definition, Linear, LinearEmbedding, Model, TaskView
from metainfl.problem.normal import normal

#: models that were seen to leave instances apart; nothing is written on a model, whose contents name a run
_SEEN = Seen()


def require_rows_apart(problem: Definition, lam: Tensor, view: TaskView) -> None:
    """`InvalidProblem` where outputs on one instance of a stack change with the others; seen once a model."""
    model = problem.setting.model
    if isinstance(model, (Linear, LinearEmbedding)) or model in _SEEN:
        return
    # on the larger side: mixing shows among two instances at least
    x = max((view.query_x[0], view.support_x[0]), key=len).clone()
    flat = torch.cat([view.query_x.flatten(0, 1), view.support_x.flatten(0, 1)])
    other = (flat != x[:1]).reshape(len(flat), -1).any(1).nonzero()
    if len(x) < 2 or not len(other):
        return
    x[-1] = flat[int(other[0])]
    try:
        apart = _apart(model, _beside(model, lam), x)
    except Exception as error:  # told where it is computed, with what it was given
        if passes(error):
            raise
        return
    if not apart:
        raise InvalidProblem(
            "an instance has weight 0 (padding, or removed), but the model's outputs on an instance change "
            "with the other instances (it normalises, averages or attends over them), among which it would "
            "still count: leave it out of the tasks, or normalise instance by instance (LayerNorm, GroupNorm)"
        )
    _SEEN.add(model)


def _apart(model: Model, theta: Tensor, x: Tensor) -> bool:
    """Whether the first and the last of x have the same outputs among copies of themselves."""
    with torch.no_grad():
        whole = model(theta, x)
        if not torch.equal(whole.nan_to_num(), model(theta, x).nan_to_num()):
            return True  # it draws random numbers, which has a name of its own
        if whole.shape[:1] != x.shape[:1]:
            return True  # so has this
        size = float(whole.nan_to_num().abs().max())
        slack = 1e3 * torch.finfo(whole.dtype).eps * size
        return all(
            torch.allclose(
                whole[i], model(theta, x[i].expand_as(x))[i], rtol=0, atol=slack, equal_nan=True
            )
            for i in (0, -1)
        )


def _beside(model: Model, lam: Tensor) -> Tensor:
    """Parameters near lam: at zero, where many begin, nothing that is mixed is seen."""
    noise = normal(model.n_params, like=lam)
    if lam.shape != noise.shape:
        return 0.1 * noise
    return lam.detach() + lam.detach().square().mean().sqrt().clamp(min=0.1) * noise
