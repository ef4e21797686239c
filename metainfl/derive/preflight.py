"""One task run before the real work: what would fail later, or silently go wrong, gets a name here."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.derive import one_by_one
from metainfl.derive.derived import Derived
from metainfl.derive.differences import aside, check_derivatives, in_double
from metainfl.derive.failure import Tried, diagnose, named, passes, told
from metainfl.derive.finite import adapted_first
from metainfl.derive.loop import stacks
from metainfl.derive.own_code import own_code
from metainfl.derive.slopes import check_slopes, sample, slope_errors, spread
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem import FromModule, Tasks, TaskView, cross_entropy
from metainfl.problem.as_found import AsFound
from metainfl.problem.digest import digest

MOST = 16  # shapes of tasks that are looked at


def preflight(problem: Derived, tasks: Tasks, what: str = "task") -> None:
    """Raises `InvalidProblem` where model, losses and tasks cannot work together, or not repeatably."""
    first, task = _outputs(problem, tasks, what)
    _labels(problem, tasks, first.shape[-1], what)
    one_by_one.losses(problem, first, task, f"of the first {what}")
    for k in _others(tasks):
        outputs, own = _outputs(problem, tasks.select([k]), what, k)
        one_by_one.losses(problem, outputs, own, f"of {what} {k}")
    _require_same(first, _outputs(problem, tasks, what)[0])
    _stateless(problem, tasks)
    if not torch.isfinite(first).all():
        row = int((~torch.isfinite(first)).reshape(len(first), -1).any(1).nonzero()[0])
        raise NotFinite(
            f"the outputs on query instance {row} of {what} 0 are not finite at lam"
            + _of_its_adaptation(problem, tasks),
            quantity="outputs",
            task=0,
            instance=row,
        )
    if own_code(problem):
        _derivatives(problem, tasks, what)
    problem.derivatives_hold = True


def look_at_start(problem: Derived, start: Tensor) -> None:
    """Where a user's own code is about to be minimised: differences at the start (p,), once a problem.

    What holds at the start may not at the end, so `preflight` looks again there.
    """
    if problem.start_looked_at or problem.derivatives_hold or not own_code(problem):
        return
    there = problem.replaced(lam=start)
    there.slopes_hold = set()
    try:
        _derivatives(there, there.tasks, "task")
    except NotFinite:
        return  # named where it is computed
    problem.start_looked_at = True


def _of_its_adaptation(problem: Derived, tasks: Tasks) -> str:
    """Why the first task's outputs are not finite, where its adapted parameters are not."""
    theta = adapted_first(problem, problem.lam, tasks)
    if torch.isfinite(theta).all():
        return ""
    return ": its adapted parameters are not (lower the inner rate, or look at its support set)"


def _derivatives(problem: Derived, tasks: Tasks, what: str) -> None:
    """Differences, once for a problem's parts and once for each content of tasks that it is asked about."""
    if not problem.derivatives_hold:
        check_derivatives(aside(problem))
    places = sample(tasks)
    some = problem.replaced(tasks=tasks.select(places))
    content = digest(*(t for _, batch in some.tasks.groups() for t in batch.view()))
    if content in problem.slopes_hold:
        return
    try:
        try:
            errors = slope_errors(in_double(aside(some)))
        except (RuntimeError, InvalidProblem):
            # a constant of the model or of a loss is of the problem's own precision
            errors = slope_errors(aside(some))
    except NotFinite:
        return  # named where it is computed
    check_slopes(errors, places, what)
    problem.slopes_hold.add(content)


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
