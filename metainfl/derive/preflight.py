"""One task run before the real work: what would fail later, or silently go wrong, gets a name here."""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.derived import Derived
from metainfl.derive.differences import aside, check_derivatives, in_double
from metainfl.derive.finite import adapted_first
from metainfl.derive.looked_at import looked_at
from metainfl.derive.own_code import own_code
from metainfl.derive.slopes import check_slopes, sample, slope_errors
from metainfl.errors import InvalidProblem, NotFinite
from metainfl.problem import Tasks
from metainfl.problem.asked import suited
from metainfl.problem.digest import digest


def preflight(
    problem: Derived, tasks: Tasks, what: str = "task", *, products: bool = False
) -> None:
    """Raises `InvalidProblem` where model, losses and tasks cannot work together, or not repeatably.

    `products`: H will be used at this lam, so that a user's own code is held to differences here, too, and
    not only where it was first.
    """
    if tasks is not problem.tasks:
        tasks = suited(problem, problem.lam, tasks, f"{what}s")
    first = looked_at(problem, tasks, what)
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
        _derivatives(problem, tasks, what, products)
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
        looked_at(there, there.tasks, "task")
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


def _derivatives(problem: Derived, tasks: Tasks, what: str, products: bool = False) -> None:
    """Differences, once for a problem's parts, and once for each lam and content of tasks that it is asked
    about: another branch may be taken at another.
    """
    here = f"products {digest(problem.lam)}"
    if not problem.derivatives_hold or (products and here not in problem.slopes_hold):
        check_derivatives(aside(problem))
        problem.slopes_hold.add(here)
    places = sample(tasks)
    some = problem.replaced(tasks=tasks.select(places))
    content = digest(some.lam, *(t for _, batch in some.tasks.groups() for t in batch.view()))
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
