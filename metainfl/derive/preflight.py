"""One task run before the real work: what would fail later, or silently go wrong, gets a name here."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.adaptation import Proximal, Unrolled
from metainfl.derive import failure
from metainfl.derive.differences import aside, check_derivatives, in_double
from metainfl.derive.failure import Tried, diagnose, passes, told
from metainfl.derive.loop import stacks
from metainfl.derive.own_code import own_code
from metainfl.derive.problem import Problem
from metainfl.derive.slopes import check_slopes, sample, slope_errors
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem import Loss, Tasks, TaskView, cross_entropy
from metainfl.problem.digest import digest

ALONE = 16  # instances of which a loss is also computed alone


def preflight(problem: Problem, tasks: Tasks, what: str = "task") -> None:
    """Raises `InvalidProblem` where model, losses and tasks cannot work together, or not repeatably."""
    buffers = _buffers(problem)
    first, task = _outputs(problem, tasks, what)
    _labels(problem, tasks, first.shape[-1], what)
    _losses(problem, first, task, what)
    if not torch.equal(first.nan_to_num(), _outputs(problem, tasks, what)[0].nan_to_num()):
        raise InvalidProblem(
            "the model gives different outputs on the same input: it draws random numbers or keeps "
            "state; call .eval(), or take the randomness out"
        )
    if not torch.isfinite(first).all():
        row = int((~torch.isfinite(first)).reshape(len(first), -1).any(1).nonzero()[0])
        raise NotFinite(
            f"the outputs on query instance {row} of {what} 0 are not finite at lam",
            quantity="outputs",
            task=0,
            instance=row,
        )
    for name, before, now in buffers:
        if not torch.equal(before, now):
            raise InvalidProblem(f"buffer {name!r} of the module changes in forward; call .eval()")
    if own_code(problem):
        _derivatives(problem, tasks, what)
    problem.derivatives_hold = True


def _derivatives(problem: Problem, tasks: Tasks, what: str) -> None:
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


def _labels(problem: Problem, tasks: Tasks, ways: int, what: str) -> None:
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


def _outputs(problem: Problem, tasks: Tasks, what: str) -> tuple[Tensor, TaskView]:
    """Query outputs of the first task, and that task; adapted and batched as everything later is."""
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
        diagnose(Tried(problem, lam, stack.view, stack.state, stack.places, what))
        text = told(error)
        if "random" in text:
            text = "it draws random numbers (dropout?); call .eval(), or take the randomness out"
        elif "in-place" in text or "inplace" in text:
            text = f"it changes a tensor of its own in forward (a buffer?): {text}"
        raise InvalidProblem(
            f"the model or inner loss failed on the first {what}: {text}"
        ) from error
    task = TaskView(*(t[0] for t in view))
    if first.ndim < 1 or first.shape[0] != task.query_x.shape[0]:
        raise InvalidProblem(
            f"the model must return one row an instance, ({task.query_x.shape[0]}, ...); it "
            f"returned {tuple(first.shape)} for a {what}"
        )
    return first, task


def _losses(problem: Problem, outputs: Tensor, task: TaskView, what: str) -> None:
    """Both losses, as far as they are read."""
    _one_by_one(problem.outer_loss, "outer", outputs, task.query_y, what)
    if isinstance(problem.adaptation, (Unrolled, Proximal)) and len(task.support_x):
        inner = problem.setting.model(problem.lam, task.support_x).detach()
        _one_by_one(problem.setting.inner_loss, "inner", inner, task.support_y, what)


def _one_by_one(loss: Loss, name: str, outputs: Tensor, targets: Tensor, what: str) -> None:
    """The loss of an instance is its own: not that of a broadcast (n, 1) against (n,), nor of a mean."""
    shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}"
    where = f"of the first {what}"
    together = failure.loss(loss, name, outputs, targets, where)
    n = len(outputs)
    looked = sorted({round(j) for j in torch.linspace(0, n - 1, min(n, ALONE)).tolist()})
    alone = [
        failure.loss(loss, name, outputs[j : j + 1], targets[j : j + 1], where) for j in looked
    ]
    if together.shape != outputs.shape[:1] or any(own.shape != (1,) for own in alone):
        raise InvalidProblem(
            f"the {name} loss must return one loss an instance, ({n},), got "
            f"{tuple(together.shape)}; use reduction='none'"
        )
    if n < 2 or not torch.isfinite(together).all():
        return  # what is not finite is named where it is computed
    gap = float(
        (together[looked] - torch.cat(alone)).abs().max() / together.abs().max().clamp(min=1)
    )
    if gap > 1e3 * torch.finfo(outputs.dtype).eps:
        raise InvalidProblem(
            f"the {name} loss of an instance changes with the other instances: {shapes} broadcast "
            "against one another, or the loss takes a mean or reads neighbours; give targets the shape of "
            "the outputs, and let a loss read its own row alone"
        )


def _buffers(problem: Problem) -> list[tuple[str, Tensor, Tensor]]:
    module = getattr(problem.setting.model, "module", None)
    if module is None:
        return []
    return [(name, b.detach().clone(), b) for name, b in module.named_buffers()]
