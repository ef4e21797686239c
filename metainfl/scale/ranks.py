"""Loops over tasks shared between processes: `torchrun`, or several machines, by torch.distributed.

    torchrun --nproc-per-node 2 -m metainfl check method.py:mine       # on the command line
    with ranks():                                                      # in code that torchrun started
        problem.products(problem.lam)(vectors)
Every process runs the same program on the same data, computes the tasks that are its own, and gets all
results: sums over tasks, products, scores, steps of a run and its adjoint. They equal those of one process
but for the rounding of a sum taken in another order, and are the same bit for bit on every rank. Processes
that come with different numbers, drawn without a seed, are told so; what one fails on, all of them raise.
gloo carries CPU tensors, NCCL those on GPUs. Each process should compute with as many threads as it has
cores to itself (torchrun sets one).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from metainfl.carried import sendable
from metainfl.derive.loop import one_shape
from metainfl.derive.share import Of, Share, sharing
from metainfl.errors import InvalidOption, RankLost
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
                f"{str(error).splitlines()[0]}. What was stored stays; start the same command again"
            ) from error


@contextmanager
def ranks(backend: str | None = None, *, timeout: float = 600.0) -> Iterator[Ranks]:
    """Within, all loops over tasks are shared with the other processes that torchrun started.

    `backend` is "gloo" (default without a GPU) or "nccl"; `timeout` is in seconds. Joins the group that
    RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT name, unless one stands already. Raises `InvalidOption`
    where these are missing, and `RankLost` in what is computed within if a process ends.
    """
    if backend not in (None, "gloo", "nccl"):
        raise InvalidOption(f"backend is 'gloo' or 'nccl', got {backend!r}")
    here = dist.is_available() and dist.is_initialized()
    if not here:
        missing = [
            n for n in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if n not in os.environ
        ]
        if missing:
            raise InvalidOption(
                f"{', '.join(missing)} not set: start the program by torchrun, for example "
                "`torchrun --nproc-per-node 2 program.py`"
            )
        chosen = backend or ("nccl" if torch.cuda.is_available() else "gloo")
        if chosen == "nccl":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        try:
            dist.init_process_group(chosen, timeout=timedelta(seconds=timeout))
        except (RuntimeError, ValueError) as error:
            raise RankLost(f"the processes did not find each other: {error}") from error
    try:
        share = Ranks()
        with sharing(share):
            yield share
    finally:
        if not here:
            dist.destroy_process_group()
