"""Whether an adaptation of one's own leaves a support instance of weight 0 out.

One that forgets `support_weight` has derivatives of exactly 0 in those weights, and what is removed still
counts: both are numbers, and neither is that of the data.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.failure import passes
from metainfl.derive.own_code import foreign
from metainfl.derive.seen import Seen
from metainfl.errors import InvalidProblem
from metainfl.problem import Definition, TaskView

#: of what an instance of weight 1 changes, one of 0 may change as much, by rounding or a solver's tolerance
SHARE = 1e-3
#: adaptations that were seen to leave it out
_SEEN = Seen()


def require_left_out(problem: Definition, lam: Tensor, view: TaskView) -> None:
    """`InvalidProblem` where adapted parameters change with a support instance of weight 0; seen once.

    Looked at on the first task of a stack, where it has two support instances that differ.
    """
    own = problem.adaptation
    if not foreign(type(own)) or own in _SEEN or view.support_weight.shape[1] < 2:
        return
    one = TaskView(*(t[:1] for t in view))
    other = _with_the_first_twice(one)
    try:
        there, gone = (
            _adapted(problem, lam, _weighing(other, w)) - _adapted(problem, lam, _weighing(one, w))
            for w in (1.0, 0.0)
        )
    except Exception as error:  # told where it is computed, with what it was given
        if passes(error):
            raise
        return
    if not float(there.norm()) > 0:  # it reads neither, or is not finite
        return
    if float(gone.norm()) > SHARE * float(there.norm()):
        raise InvalidProblem(
            f"a support instance of weight 0 still counts in {type(own).__name__}: derivatives in such "
            "weights, and removals, would be of something else; let adapt weigh each instance's loss, "
            "(task.support_weight * losses).sum() say"
        )
    _SEEN.add(own)


def _with_the_first_twice(one: TaskView) -> TaskView:
    """The last support instance replaced by the first."""
    x, y = one.support_x.clone(), one.support_y.clone()
    x[:, -1], y[:, -1] = x[:, 0], y[:, 0]
    return one._replace(support_x=x, support_y=y)


def _weighing(one: TaskView, weight: float) -> TaskView:
    """The last support instance at this weight, the others at 1."""
    weights = torch.ones_like(one.support_weight)
    weights[:, -1] = weight
    return one._replace(support_weight=weights)


def _adapted(problem: Definition, lam: Tensor, one: TaskView) -> Tensor:
    state = problem.adaptation.prepare(problem.setting, lam, one)
    task, own = TaskView(*(t[0] for t in one)), tuple(s[0] for s in state)
    return problem.adapted(lam, task, own).detach()
