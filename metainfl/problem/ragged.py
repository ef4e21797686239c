"""Tasks of different ways, shots and queries, exact: grouped by shape, so nothing is padded.

Positions are those of the order in which the tasks were given; every sum and map over tasks goes
through `groups`, and what has one row a task comes back in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.problem.given import said
from metainfl.problem.moving import moved
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.places import places as chosen
from metainfl.problem.tasks import Tasks, TaskView

SIDES = ("support_x", "support_y", "query_x", "query_y")
UNKNOWN = -1  #: the version of a tensor made in inference mode, which keeps none


class Ragged(Tasks):
    """A batch whose tasks have different shapes; made by `Tasks.ragged` (`one_by_one`)."""

    def __init__(self, groups: Sequence[tuple[Tensor, Tasks]]) -> None:
        object.__setattr__(self, "_groups", list(groups))
        own = [_places(index, tasks) for index, tasks in groups]
        every = torch.cat([index.cpu() for index in own])
        if not torch.equal(every.sort().values, torch.arange(len(every), device="cpu")):
            raise InvalidTasks(
                f"{len(every)} tasks have the places 0 to {len(every) - 1}, each once; got "
                f"{every.tolist()[:20]}"
            )
        with torch.inference_mode(False):
            weights = groups[0][1].w.new_empty(len(every))
            for index, (_, tasks) in zip(own, groups, strict=True):
                weights[index] = tasks.w
        object.__setattr__(self, "task_weight", weights)
        self._agree()

    def __getattr__(self, name: str) -> Any:
        if name in (*SIDES, "support_weight", "query_weight"):
            raise InvalidTasks(
                f"ragged tasks have no single {name}: their shapes differ; go through tasks.groups()"
            )
        raise AttributeError(name)

    def view(self) -> TaskView:
        """There is none."""
        raise InvalidTasks(
            "ragged tasks cannot be stacked into one view: their shapes differ; go through tasks.groups() "
            "or give tasks of one shape"
        )

    def __repr__(self) -> str:
        """Sizes, not tensors."""
        return f"Ragged({self.n_tasks} tasks of {len(self._groups)} shapes)"

    @property
    def n_tasks(self) -> int:
        """T."""
        return len(self._weights_of_all)

    @property
    def w(self) -> Tensor:
        """Task weights (T,); what is written into them counts, as does what is written into a group's."""
        self._settle()
        return self._weights_of_all

    @property
    def _weights_of_all(self) -> Tensor:
        assert self.task_weight is not None
        return self.task_weight

    def _agree(self) -> None:
        object.__setattr__(self, "_agreed", self._weights_of_all.clone())
        object.__setattr__(self, "_read", self._written())

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs, and what a digest reads: settled, without the marks of what was read."""
        self._settle()
        return {k: v for k, v in vars(self).items() if k not in ("_read", "_agreed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._agree()

    def _written(self) -> tuple[int, ...]:
        all_of_them = (self._weights_of_all, *(t.w for _, t in self._groups))
        return tuple(UNKNOWN if t.is_inference() else t._version for t in all_of_them)

    def _settle(self) -> None:
        """Carry what was written in place since the last reading from the weights to the groups, and back.

        Place by place; where both were written, the weights of all count.
        """
        now = self._written()
        if now == self._read and UNKNOWN not in now:
            return
        whole, new = self._weights_of_all, self._weights_of_all.clone()
        for index, tasks in self._groups:
            untouched = whole[index] == self._agreed[index]
            new[index] = torch.where(untouched, tasks.w, whole[index])
        own = [t.reweighted(task=new[i]).w for i, t in self._groups]  # checked
        pairs = [(whole, new), *((t.w, w) for (_, t), w in zip(self._groups, own, strict=True))]
        with torch.inference_mode(UNKNOWN in now or torch.is_inference_mode_enabled()):
            for old, written in pairs:
                if not torch.equal(old, written):
                    old.copy_(written)
        self._agree()

    @property
    def like(self) -> Tensor:
        """An empty tensor of the dtype and on the device that everything is computed in."""
        return self._weights_of_all.new_empty(0)

    def groups(self) -> list[tuple[Tensor, Tasks]]:
        """Batches of one shape, each with the places (n,) of its tasks in the order given."""
        self._settle()
        return list(self._groups)

    def side(self, side: str, k: int) -> tuple[Tensor, Tensor]:
        """Inputs (n, ...) and instance weights (n,) of one side of task k."""
        k = chosen([k], self.n_tasks)[0]
        index, tasks = next((i, t) for i, t in self.groups() if bool((i == k).any()))
        return tasks.side(side, int((index == k).nonzero()[0, 0]))

    def select(self, index: Sequence[int] | Tensor) -> Tasks:
        """The tasks at `index`, in that order; a plain batch where they have one shape."""
        wanted = chosen(index, self.n_tasks)
        found = []
        for places, tasks in self.groups():
            where = {int(k): a for a, k in enumerate(places.tolist())}
            here = [(new, where[k]) for new, k in enumerate(wanted) if k in where]
            if here:
                new, old = zip(*here, strict=True)
                found.append((torch.tensor(new, device=places.device), tasks.select(list(old))))
        if len(found) == 1:
            index_, tasks = found[0]
            return tasks.select(torch.argsort(index_))
        return Ragged(found)

    def scaled(self, members: Sequence[Perturbation], factor: float) -> Tasks:
        """The weights that the members name multiplied by `factor`; 0 removes."""
        members, new = self._held(members), []
        for places, tasks in self.groups():
            where = {int(k): a for a, k in enumerate(places.tolist())}
            own = [
                Perturbation(m.kind, where[m.task], m.instance) for m in members if m.task in where
            ]
            new.append((places, tasks.scaled(own, factor)))
        return Ragged(new)

    def reweighted(
        self,
        *,
        task: Tensor | None = None,
        support: Tensor | None = None,
        query: Tensor | None = None,
    ) -> Tasks:
        """The same data with other task weights (T,)."""
        if support is not None or query is not None:
            raise InvalidTasks("instance weights of ragged tasks are given to Tasks.ragged")
        if task is None:
            return self
        if not isinstance(task, Tensor):
            raise InvalidTasks(f"task_weight must be a torch tensor, got {said(task)}")
        if task.shape != (self.n_tasks,):
            raise InvalidTasks(
                f"task_weight must have shape ({self.n_tasks},), got {tuple(task.shape)}"
            )
        return Ragged([(i, t.reweighted(task=task[i])) for i, t in self.groups()])

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Tasks:
        """Move to a device, and all floating-point tensors to a dtype."""
        return Ragged([(moved(i, device, None), t.to(device, dtype)) for i, t in self.groups()])

    def _mapped(self, f: Callable[[Tensor], Tensor]) -> Tasks:
        return Ragged([(i, t._mapped(f)) for i, t in self.groups()])


def _places(index: Any, tasks: Tasks) -> Tensor:
    """Whole numbers (n,), one a task of the group."""
    whole = isinstance(index, Tensor) and index.dtype in (torch.int64, torch.int32)
    if not whole or index.shape != (tasks.n_tasks,):
        raise InvalidTasks(f"places of {tasks.n_tasks} tasks are whole numbers, got {said(index)}")
    found: Tensor = index
    return found.long()
