"""Whether model, losses and tasks work together, and do the same at every call: nothing is differentiated.

Each shape of task is looked at once. What differs between two calls (random numbers, what a module keeps)
gets its name here, before its derivatives are held against differences, which would call it a wrong backward.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.derive import one_by_one
from metainfl.derive.derived import Derived
from metainfl.derive.draws import undrawn
from metainfl.derive.failure import Tried, diagnose, named, passes, told
from metainfl.derive.own_code import own_code
from metainfl.derive.slopes import spread
from metainfl.derive.stacks import stacks
from metainfl.errors import InvalidProblem
from metainfl.problem import FromModule, Tasks, TaskView, cross_entropy
from metainfl.problem.as_found import AsFound

MOST = 16  # shapes of tasks that are looked at


def looked_at(problem: Derived, tasks: Tasks, what: str) -> Tensor:
    """The first task's outputs, where model and losses can work together, and repeatably."""

    def look() -> Tensor:
        first, task = _outputs(problem, tasks, what)
        _labels(problem, tasks, first.shape[-1], what)
        one_by_one.losses(problem, first, task, f"of the first {what}")
        return first

    first = undrawn(look) if own_code(problem) else look()
    for k in _others(tasks):
        outputs, own = _outputs(problem, tasks.select([k]), what, k)
        one_by_one.losses(problem, outputs, own, f"of {what} {k}")
    _require_same(first, _outputs(problem, tasks, what)[0])
    _stateless(problem, tasks)
    return first


def _labels(problem: Derived, tasks: Tasks, ways: int, what: str) -> None:
    """Integer labels are classes where the loss is `cross_entropy`; other losses know what they mean."""
    if problem.outer_loss is not cross_entropy:
        return
    for places, batch in tasks.groups():
        labels = batch.query_y
        if labels.is_floating_point() or labels.ndim > 2:
            continue
        counted = batch.view().query_weight != 0
        wrong = ((labels < 0) | (labels >= ways)) & counted
        if wrong.any():
            k, j = wrong.nonzero()[0].tolist()
            raise InvalidProblem(
                f"query label {int(labels[k, j])} of {what} {int(places[k])} is no class: the model has "
                f"{ways} outputs; it was built for another number of ways"
            )


def _outputs(problem: Derived, tasks: Tasks, what: str, k: int = 0) -> tuple[Tensor, TaskView]:
    """Query outputs of the first task, and that task; adapted and batched as everything later is.

    `k` is its place among those that were asked about.
    """
    lam = problem.lam

    def one(task: TaskView, state: object) -> Tensor:
        return problem.outputs(lam, lam, task, state)

    # the problem's own tasks are taken whole: their adapted state is kept for what comes next
    own = tasks is problem.tasks
    stack = next(stacks(problem, lam, tasks if own else tasks.select([0]), size=problem.plan.chunk))
    view, state = TaskView(*(t[:1] for t in stack.view)), tuple(t[:1] for t in stack.state)
    try:
        first = vmap(one)(view, state)[0].detach()
    except Exception as error:
        if passes(error):
            raise
        diagnose(Tried(problem, lam, stack.view, stack.state, stack.places + k, what))
        text = told(error)
        if "random" in text:
            text = "it draws random numbers (dropout?); call .eval(), or take the randomness out"
        elif "in-place" in text or "inplace" in text:
            text = (
                "it writes into a tensor of its own in forward: a buffer, or one that is not made of the "
                f"input (x.new_zeros(...) makes one that is): {text}"
            )
        raise InvalidProblem(
            f"the model or inner loss failed on {f'{what} {k}' if k else f'the first {what}'}: {text}"
        ) from error
    task = TaskView(*(t[0] for t in view))
    if first.ndim < 1 or first.shape[0] != task.query_x.shape[0]:
        raise InvalidProblem(
            f"the model must return one row an instance, ({task.query_x.shape[0]}, ...); it "
            f"returned {tuple(first.shape)} for {what} {k}"
        )
    return first, task


def _others(tasks: Tasks) -> list[int]:
    """The first task of every other shape; of many shapes some, from the least queries to the most."""
    firsts = [(batch.query_x.shape[1], int(places[0])) for places, batch in tasks.groups()]
    return sorted({k for _, k in spread(sorted(firsts), MOST)} - {0})


def _stateless(problem: Derived, tasks: Tasks) -> None:
    """`InvalidProblem` where a call of a module depends on what an earlier one wrote on it, which is left
    there for the length of this and for no other call.
    """
    model, x = problem.setting.model, tasks.groups()[0][1].query_x[0]
    if not isinstance(model, FromModule):
        return
    theta = problem.lam if problem.n_meta == model.n_params else model.current().to(problem.lam)
    with named(), model.turn, AsFound(model.module), torch.no_grad():
        before = _buffers(model)
        first, second = model(theta, x), model(theta, x)
        after = _buffers(model)
    for name, t in before.items():
        if not torch.equal(t, after[name]):
            raise InvalidProblem(f"buffer {name!r} of the module changes in forward; call .eval()")
    _require_same(first, second)


def _require_same(first: Tensor, second: Tensor) -> None:
    if not torch.equal(first.nan_to_num(), second.nan_to_num()):
        raise InvalidProblem(
            "the model gives different outputs on the same input: it draws random numbers or keeps "
            "state; call .eval(), or take the randomness out"
        )


def _buffers(model: FromModule) -> dict[str, Tensor]:
    """Copies by name."""
    return {name: b.detach().clone() for name, b in model.module.named_buffers()}
