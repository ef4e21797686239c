"""A stacked, validated batch of tasks: support, query and the weight of everything in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, NoReturn

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.numbers import among, real, said
from metainfl.problem import fitting, words
from metainfl.problem.moving import moved
from metainfl.problem.perturbation import Perturbation, listed
from metainfl.problem.places import places


class TaskView(NamedTuple):
    """One task, or a stack of tasks with a leading dimension: what `vmap` sees."""

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor
    support_weight: Tensor
    query_weight: Tensor


@dataclass(frozen=True, eq=False)
class Tasks:
    """T tasks: support (T, n_s, ...), query (T, n_q, ...), targets likewise; all weights 1 at first.

    Tasks of different sizes are made by `Tasks.ragged`. An instance of weight 0 (removed, or padding)
    does not count, whatever is in it, as long as it is finite. Single-level
    problems have no support instances: n_s = 0. Inputs are floating point and finite; targets are
    floating point (squared loss, or class probabilities) or integer class labels.
    """

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor
    task_weight: Tensor | None = None
    support_weight: Tensor | None = None
    query_weight: Tensor | None = None
    #: tasks from one mapping each, of any sizes: see `metainfl.problem.one_by_one`
    ragged: ClassVar[Callable[[Sequence[Mapping[str, Tensor]]], Tasks]]

    def __post_init__(self) -> None:
        for name in ("support_x", "support_y", "query_x", "query_y"):
            # what the caller does later stays out
            object.__setattr__(self, name, fitting.tensor(name, getattr(self, name)))
        fitting.agree(self.support_x, self.support_y, self.query_x, self.query_y)
        self._weights("task_weight", self.query_x.shape[:1])
        self._weights("support_weight", self.support_x.shape[:2])
        self._weights("query_weight", self.query_x.shape[:2])

    def _weights(self, name: str, shape: torch.Size) -> None:
        """Fill in ones, or check what was given."""
        w = fitting.weights(name, getattr(self, name), shape, self.query_x)
        object.__setattr__(self, name, w)

    def __len__(self) -> int:
        """T."""
        return self.n_tasks

    def __getitem__(self, index: object) -> NoReturn:
        """Refused, and with it iteration: `tasks[0]` could be a task or a batch of one."""
        raise InvalidTasks(
            f"tasks[{said(index)}]: a batch of some tasks is tasks.select([0, 3]), all tensors stacked are "
            "tasks.view(), the inputs of one side of task 0 are tasks.side('query', 0)"
        )

    def __repr__(self) -> str:
        """Sizes, not tensors."""
        return words.of_tasks(self)

    @property
    def n_tasks(self) -> int:
        """T."""
        return len(self.query_x)

    @property
    def w(self) -> Tensor:
        """Task weights (T,)."""
        assert self.task_weight is not None
        return self.task_weight

    @property
    def like(self) -> Tensor:
        """An empty tensor of the dtype and on the device that everything is computed in."""
        return self.query_x.new_empty(0)

    def groups(self) -> list[tuple[Tensor, Tasks]]:
        """Batches of one shape, each with the places (n,) of its tasks: one batch, here."""
        return [(torch.arange(self.n_tasks, device=self.query_x.device), self)]

    def side(self, side: str, k: int) -> tuple[Tensor, Tensor]:
        """Inputs (n, ...) and instance weights (n,) of one side of task k."""
        if not among(side, ("support", "query")):
            raise InvalidTasks(f'a side is "support" or "query", got {said(side)}')
        k = places([k], self.n_tasks)[0]
        return getattr(self, f"{side}_x")[k], getattr(self, f"{side}_weight")[k]

    def view(self) -> TaskView:
        """All tasks stacked, for batching over the first dimension."""
        assert self.support_weight is not None and self.query_weight is not None
        return TaskView(
            self.support_x,
            self.support_y,
            self.query_x,
            self.query_y,
            self.support_weight,
            self.query_weight,
        )

    def select(self, index: Sequence[int] | Tensor) -> Tasks:
        """The tasks at `index`, weights included."""
        i = torch.tensor(places(index, self.n_tasks), device=self.query_x.device)
        return self._mapped(lambda t: t[i])

    def scaled(self, members: Sequence[Perturbation], factor: float) -> Tasks:
        """The weights that the members name multiplied by `factor`; 0 removes."""
        factor, members = real(factor, "factor", error=InvalidTasks), self._held(members)
        new = {
            kind: getattr(self, f"{kind}_weight").clone() for kind in ("task", "support", "query")
        }
        for m in members:
            new[m.kind][(m.task,) if m.kind == "task" else (m.task, m.instance)] *= factor
        return self.reweighted(**new)

    def _held(self, members: Sequence[Perturbation]) -> list[Perturbation]:
        """The members, each of which names a weight here."""
        found = listed(members)
        for m in found:
            self._holds(m)
        return found

    def _holds(self, m: Perturbation) -> None:
        """`InvalidTasks` where a member of a removal names no weight here."""
        if m.kind not in ("task", "support", "query"):
            raise InvalidTasks(f"{m} names no weight: give tasks, support or query instances")
        if not 0 <= m.task < self.n_tasks:
            raise InvalidTasks(f"{m}: tasks run from 0 to {self.n_tasks - 1}")
        n = 1 if m.kind == "task" else len(self.side(m.kind, m.task)[1])
        if m.kind != "task" and not 0 <= m.instance < n:
            raise InvalidTasks(f"{m}: task {m.task} has {n} instances on that side")

    def reweighted(
        self,
        *,
        task: Tensor | None = None,
        support: Tensor | None = None,
        query: Tensor | None = None,
    ) -> Tasks:
        """The same data with other weights (T,), (T, n_s), (T, n_q)."""
        new = self._mapped(lambda t: t)
        given = {"task_weight": task, "support_weight": support, "query_weight": query}
        for name, value in given.items():
            if value is not None:
                shape = getattr(self, name).shape
                object.__setattr__(new, name, value)
                new._weights(name, shape)
        return new

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Tasks:
        """Move to a device, and all floating-point tensors to a dtype."""
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise InvalidTasks(f"dtype is torch.float32 or torch.float64, got {said(dtype)}")
        if dtype is not None and dtype not in (torch.float32, torch.float64):
            raise InvalidTasks(
                f"tasks are computed in float32 or float64, not in {dtype}: in less, second derivatives are "
                "rounding"
            )
        return self._mapped(lambda t: moved(t, device, dtype))

    def owned(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Tasks:
        """A copy that nobody else holds, moved as by `to`."""
        return self.to(device, dtype)._mapped(torch.clone)

    def _mapped(self, f: Callable[[Tensor], Tensor]) -> Tasks:
        """f applied to every tensor, which were checked when these tasks were made."""
        new = object.__new__(Tasks)
        with torch.inference_mode(False):  # else nothing counts what is written into them later
            for field in fields(Tasks):
                object.__setattr__(new, field.name, f(getattr(self, field.name)))
        return new
