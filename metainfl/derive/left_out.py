"""Whether an adaptation of one's own leaves a support or query instance of weight 0 out.

One that forgets `support_weight` has derivatives of exactly 0 in those weights, and what is removed still
counts: both are numbers, and neither is that of the data. The same of one that reads the query set
(transductive) and forgets `query_weight`.
"""

from __future__ import annotations

from collections.abc import Iterable

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
_SEEN = {"support": Seen(), "query": Seen()}


def require_left_out(
    problem: Definition, lam: Tensor, view: TaskView, fields: Iterable[str]
) -> None:
    """`InvalidProblem` where adapted parameters change with an instance of weight 0 on a side whose weights
    are among the fields; seen once.

    Looked at on the first task of a stack, where it has two instances there that differ.
    """
    for side in _SEEN:
        if f"{side}_weight" in fields:
            _require(problem, lam, view, side)


def without_weight(view: TaskView) -> list[str]:
    """The fields of weights that are 0 somewhere."""
    return [
        f"{side}_weight" for side in _SEEN if bool((getattr(view, f"{side}_weight") == 0).any())
    ]


def _require(problem: Definition, lam: Tensor, view: TaskView, side: str) -> None:
    own, seen = problem.adaptation, _SEEN[side]
    if not foreign(type(own)) or own in seen or getattr(view, f"{side}_weight").shape[1] < 2:
        return
    one = TaskView(*(t[:1] for t in view))
    other = _with_the_first_twice(one, side)
    try:
        there, gone = (
            _adapted(problem, lam, _weighing(other, side, w))
            - _adapted(problem, lam, _weighing(one, side, w))
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
            f"a {side} instance of weight 0 still counts in {type(own).__name__}: derivatives in such "
            "weights, and removals, would be of something else; let adapt weigh each instance's loss, "
            f"(task.{side}_weight * losses).sum() say"
        )
    seen.add(own)


def _with_the_first_twice(one: TaskView, side: str) -> TaskView:
    """The last instance of a side replaced by the first."""
    given = {name: getattr(one, name).clone() for name in (f"{side}_x", f"{side}_y")}
    for t in given.values():
        t[:, -1] = t[:, 0]
    return one._replace(**given)


def _weighing(one: TaskView, side: str, weight: float) -> TaskView:
    """The last instance of a side at this weight, the others at 1."""
    weights = torch.ones_like(getattr(one, f"{side}_weight"))
    weights[:, -1] = weight
    return one._replace(**{f"{side}_weight": weights})


def _adapted(problem: Definition, lam: Tensor, one: TaskView) -> Tensor:
    state = problem.adaptation.prepare(problem.setting, lam, one)
    task, own = TaskView(*(t[0] for t in one)), tuple(s[0] for s in state)
    return problem.adapted(lam, task, own).detach()
