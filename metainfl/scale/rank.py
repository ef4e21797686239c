"""One process of several: its part of the tasks, and how sums and rows travel between them.

Sums come one part after the other, in the order of the ranks, so that every rank has the same bits. gloo
carries CPU tensors, NCCL those on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from metainfl.carried import sendable
from metainfl.derive.loop import one_shape
from metainfl.derive.share import Of, Share
from metainfl.errors import RankLost
from metainfl.scale.marks import FAILED, marks, require_same

CPU = torch.device("cpu")


class Ranks(Share):
    """The share of this process in the default group of torch.distributed."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        nccl = dist.get_backend() == "nccl"
        self.here = torch.device("cuda", torch.cuda.current_device()) if nccl else CPU

    def summed(self, own: Tensor, of: Of = ()) -> Tensor:
        """Parts come one after the other, in the order of the ranks: two of them are held at a time."""
        self._agree(marks(f"sum {tuple(own.shape)} {own.dtype}", of))
        out: Tensor | None = None
        for rank in range(self.size):
            part = self._from(rank, own, tuple(own.shape))
            out = part if out is None else out + part
        assert out is not None  # there is at least this rank
        return out

    def gathered(
        self, places: Tensor, rows: Tensor | None, of: Of = ()
    ) -> tuple[Tensor, Tensor | None]:
        """One after the other; a rank without tasks of its own adds nothing."""
        self._agree(marks("rows", of))
        mine = None if rows is None else (tuple(rows.shape), rows.dtype)
        shapes = self._shapes(mine)
        known = next((s for s in shapes if s is not None), None)
        if known is None:
            return places, None
        one_shape({s[0][1:] for s in shapes if s is not None})
        empty = torch.empty(0, dtype=known[1], device=places.device)
        at, found = [], []
        for rank, shape in enumerate(shapes):
            if shape is not None:
                at.append(self._from(rank, places, shape[0][:1]))
                found.append(self._from(rank, empty if rows is None else rows, shape[0]))
        return torch.cat(at), torch.cat(found)

    def failed(self, error: Exception) -> None:
        """The others raise it too; none for a rank that is lost, which tells itself."""
        if not isinstance(error, RankLost):
            self._agree(FAILED, sendable(error))

    def told(self, value: Any) -> Any:
        """The first rank's value, on every rank; it is pickled."""
        self._agree(marks("told", ()))
        return self._value(0, value)

    def _agree(self, own: Tensor, error: Exception | None = None) -> None:
        """All raise where one did (what that one did), or where they come with different marks."""
        mine = own.to(self.here)
        every = [torch.empty_like(mine) for _ in range(self.size)]
        with self._answered():
            dist.all_gather(every, mine)
        found = [t.tolist() for t in every]
        bad = [r for r, t in enumerate(found) if t == FAILED.tolist()]
        if bad:
            first: Exception = self._value(bad[0], error)
            if error is None:
                raise first
            return
        require_same(found)

    def _value(self, rank: int, own: Any) -> Any:
        """Rank's object, on every rank."""
        held = [own]
        with self._answered():
            dist.broadcast_object_list(held, rank)
        return held[0]

    def _from(self, rank: int, own: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Rank's tensor, on every rank."""
        part = own.contiguous() if rank == self.rank else own.new_empty(shape)
        with self._answered():
            dist.broadcast(part, rank)
        return part

    def _shapes(
        self, mine: tuple[tuple[int, ...], torch.dtype] | None
    ) -> list[tuple[tuple[int, ...], torch.dtype] | None]:
        """What every rank has to say of its rows."""
        out: list[tuple[tuple[int, ...], torch.dtype] | None] = [None] * self.size
        with self._answered():
            dist.all_gather_object(out, mine)
        return out

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """`RankLost` where another process does not answer what is asked within."""
        try:
            yield
        except RuntimeError as error:
            raise RankLost(
                f"rank {self.rank} of {self.size} lost another one, which ended or does not answer: "
                f"{_first(error)}. What was stored stays; start the same command again"
            ) from error


def _first(error: Exception) -> str:
    """The first sentence of what the transport says; the rest is advice to those who run one by hand."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].partition(". ")[0]
