"""Where the weights that perturbations name stand in `Tasks`, and how they are changed.

task            w_k       task_weight (T,)
support, query  u_kj, v_kj  support_weight, query_weight (T, n)
input shifts    x_kj[a]   support_x, query_x (T, n, ...)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metainfl.errors import InvalidProblem
from metainfl.problem.given import said
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks

#: the field of `TaskView` that a kind of perturbation moves
FIELD = {
    "support": "support_weight",
    "query": "query_weight",
    "support_input": "support_x",
    "query_input": "query_x",
}


def require_perturbations(value: Any) -> None:
    """Raise `InvalidProblem` for anything but a list of perturbations."""
    if isinstance(value, Tasks):
        raise InvalidProblem(
            f"got {said(value)} where perturbations belong, [metainfl.task(0)] say: look at the order of the "
            "arguments"
        )
    listed = all(hasattr(value, name) for name in ("__len__", "__getitem__"))
    alone = getattr(value, "ndim", None) == 0  # one number, which has no length
    if not listed or alone or isinstance(value, Mapping):
        raise InvalidProblem(
            f"perturbations: give a list, such as [metainfl.task(0)]; got {said(value)}"
        )
    for p in value:
        if isinstance(p, (list, tuple)):
            raise InvalidProblem(
                f"a list among the perturbations, {said(p)}: metainfl.group([...]) moves several at once"
            )
        if not hasattr(p, "members"):
            raise InvalidProblem(
                "perturbations are made by metainfl.task(0), metainfl.query(0, 1) and the like; got "
                + said(p)
            )


def check(tasks: Tasks, perturbations: Sequence[Perturbation]) -> None:
    """Raise `InvalidProblem` for what is no list of perturbations, and for those that name nothing here, all
    of them at once.
    """
    require_perturbations(perturbations)
    if len(perturbations) == 0:
        raise InvalidProblem("no perturbations given; try [metainfl.task(0)]")
    wrong = []
    for p in perturbations:
        for m in parts(p):
            text = _wrong(tasks, m)
            if text:
                wrong.append(f"{m}: {text}")
    if wrong:
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        raise InvalidProblem("; ".join(dict.fromkeys(wrong[:5])) + more)


def _wrong(tasks: Tasks, m: Perturbation) -> str | None:
    if not 0 <= m.task < tasks.n_tasks:
        return f"tasks run from 0 to {tasks.n_tasks - 1}"
    if m.kind == "task":
        return None
    if m.kind not in FIELD:
        return f"{m.kind!r} is no kind of perturbation"
    side = m.kind.split("_")[0]
    x, weights = tasks.side(side, m.task)
    if not 0 <= m.instance < len(weights):
        return f"task {m.task} has {len(weights)} instances on that side"
    if m.kind.endswith("input"):
        axes = x.shape[1:].numel()
        return None if 0 <= m.axis < axes else f"an input has {axes} features"
    if float(weights[m.instance]) == 0:
        return (
            "that instance has weight 0 (padding, or removed), so it has no influence that removing "
            "it could have; ask about instances that count, or give it a weight first"
        )
    return None


def scaled(tasks: Tasks, p: Perturbation, factor: float) -> Tasks:
    """The tasks with the weights that p names multiplied by `factor`."""
    for m in parts(p):
        _removable(m)
    return tasks.scaled(parts(p), factor)


def without(tasks: Tasks, p: Perturbation) -> Tasks:
    """The tasks with the weights that p names set to 0."""
    return scaled(tasks, p, 0.0)


def weight(tasks: Tasks, m: Perturbation) -> float:
    """What the weight that m names is now."""
    _removable(m)
    if m.kind == "task":
        return float(tasks.w[m.task])
    return float(tasks.side(m.kind, m.task)[1][m.instance])


def removable(tasks: Tasks, perturbations: Sequence[Perturbation], instead: str = "") -> None:
    """`check`, and `InvalidProblem` for what names no weight that could be 0; it ends in `instead`."""
    check(tasks, perturbations)
    for p in perturbations:
        for m in parts(p):
            _removable(m, instead)


def _removable(m: Perturbation, instead: str = "") -> None:
    if m.kind not in ("task", "support", "query"):
        raise InvalidProblem(
            f"{m} is an input shift; there is nothing to remove: ask about a task or an instance{instead}"
        )
