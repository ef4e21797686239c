"""What failed where a derivative was computed: the model, a loss, the adaptation, or torch with all of them.

A user's own exception keeps its text and its line. What fails without any derivative (shapes, types, an
error of one's own) is told with the shapes it was given; only the rest is a derivative that torch lacks.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, MetainflError, NotDerived
from metainfl.problem import Definition, TaskView
from metainfl.problem.losses import one_each

#: whose lines are not the user's
OURS = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))


#: complaints of torch's that tell no user what to do
HINTS = {
    "does not require grad and does not have a grad_fn": (
        "torch.autograd.grad sees no graph here, as torch.func differentiates; within a model or a loss take "
        "torch.func.grad, vjp or jvp, which nest"
    ),
    "don't yet support saved tensor hooks": (
        "leave out torch.utils.checkpoint, save_on_cpu and other saved-tensor hooks; Problem's chunk bounds "
        "memory"
    ),
    "data-dependent control flow": (
        "the code branches on the values of a tensor (if, while, .item()); take torch.where, or decide by "
        "shapes alone"
    ),
    "modified by an inplace operation": (
        "the code writes into a tensor that its derivative needs (an item that is set, add_, mul_); write it "
        "out of place, with torch.stack, torch.cat or torch.where"
    ),
    "can't be used with nn.DataParallel": "give the module inside, net.module",
}


class Tried(NamedTuple):
    """What was being computed: at which lam, of which tasks."""

    problem: Definition
    lam: Tensor
    view: TaskView
    state: Any
    places: Tensor
    what: str = "task"


@contextmanager
def named(tried: Tried | None = None) -> Iterator[None]:
    """A failure of torch or of a user's own code within gets our name; memory that is out keeps its own."""
    try:
        yield
    except Exception as error:
        if passes(error):
            raise
        if tried is not None:
            diagnose(tried)
        if not isinstance(error, RuntimeError):
            raise InvalidProblem(
                f"the model, a loss or the adaptation failed: {told(error)}"
            ) from error
        raise NotDerived(
            f"torch could not compute this for the model, a loss or the adaptation: {told(error)}. If that "
            "is a derivative which torch does not have, write the operation in elementary ones, or give "
            "Problem product='forward' or 'reverse'; if it cannot be batched, give it chunk=1"
        ) from error


def passes(error: BaseException) -> bool:
    """Whether it is told as it is: an error of ours, or memory that is out (a RuntimeError of torch)."""
    if isinstance(error, (MetainflError, MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def told(error: BaseException) -> str:
    """Its text, its type where that is not torch's own, and the line of the user's code it came from."""
    text = str(error).strip().removesuffix(".")
    if isinstance(error, RuntimeError):
        text = (text.splitlines() or [""])[0].removesuffix(".") or type(error).__name__
    else:
        text = f"{type(error).__name__}: {text}".removesuffix(": ")
    text += _hint(text)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _ours(f.filename)]
    if not frames:
        return text
    last = frames[-1]
    return f"{text} ({last.filename}, line {last.lineno}: {last.line})"


def _hint(text: str) -> str:
    """What to do about a complaint of torch's that does not say."""
    found = next((way for words, way in HINTS.items() if words in text), "")
    return f": {found}" if found else ""


def diagnose(tried: Tried) -> None:
    """`InvalidProblem` where a part fails on the first of the tasks without any derivative."""
    p, lam = tried.problem, tried.lam
    if lam.shape != (p.n_meta,):
        raise InvalidProblem(f"lam must have shape ({p.n_meta},), got {tuple(lam.shape)}")
    task = TaskView(*(t[0] for t in tried.view))
    where = f"of {tried.what} {int(tried.places[0])}"
    with torch.no_grad():
        if p.adaptation.same_space:
            _learner(p, lam, lam, task, where)
        if tried.state is not None:
            state = tuple(t[0].detach() for t in tried.state)
            said = _said(lam=lam, inputs=task.support_x)
            theta = _part("adaptation", said, where, lambda: p.adapted(lam, task, state))
            _learner(p, lam, theta, task, where)


def _learner(p: Definition, lam: Tensor, theta: Tensor, task: TaskView, where: str) -> None:
    """Model and outer loss on the query set, then model and inner loss on the support set."""
    said = _said(parameters=theta, inputs=task.query_x)
    outputs = _part("model", said, where, lambda: p.outputs_at(lam, theta, task))
    loss(p.outer_loss, "outer", outputs, task.query_y, where)
    if p.adaptation.same_space and len(task.support_x):
        said = _said(parameters=theta, inputs=task.support_x)
        model = p.setting.model
        outputs = _part("model", said, where, lambda: model(theta, task.support_x))
        loss(p.setting.inner_loss, "inner", outputs, task.support_y, where)


def loss(
    f: Callable[[Tensor, Tensor], Tensor], name: str, outputs: Any, targets: Tensor, where: str
) -> Tensor:
    """The losses (n,), or who failed on what."""
    shapes = _said(outputs=outputs, targets=targets)
    found = _part(f"{name} loss", shapes, where, lambda: f(outputs, targets))
    return one_each(found, len(outputs), name)


def _part(who: str, shapes: str, where: str, f: Callable[[], Tensor]) -> Tensor:
    try:
        return f()
    except Exception as error:
        if passes(error):
            raise
        raise InvalidProblem(f"the {who} failed on {shapes} {where}: {told(error)}") from error


def _said(**tensors: Any) -> str:
    """`outputs (5, 2) and targets (5, 3)`; types too, where they differ."""
    kinds = {getattr(t, "dtype", None) for t in tensors.values()}
    found = []
    for name, t in tensors.items():
        kind = f" {str(t.dtype).removeprefix('torch.')}" if len(kinds) > 1 else ""
        found.append(f"{name} {tuple(t.shape)}{kind}")
    return " and ".join(found)


def _ours(filename: str) -> bool:
    return filename.startswith(OURS) or filename.startswith("<")
