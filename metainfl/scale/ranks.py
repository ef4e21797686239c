"""Loops over tasks shared between processes: `torchrun`, or several machines, by torch.distributed.

    torchrun --nproc-per-node 2 -m metainfl check method.py:mine       # on the command line
    with ranks():                                                      # in code that torchrun started
        problem.products(problem.lam)(vectors)
Every process runs the same program on the same data, computes the tasks that are its own, and gets all
results: sums over tasks, products, scores, steps of a run and its adjoint. They equal those of one process
but for the rounding of a sum taken in another order, and are the same bit for bit on every rank. gloo
carries CPU tensors, NCCL those on GPUs. Each process should compute with as many threads as it has cores
to itself (torchrun sets one).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from metainfl.derive.share import Share, sharing
from metainfl.errors import InvalidOption, RankLost


class Ranks(Share):
    """The share of this process in the default group of torch.distributed."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def summed(self, own: Tensor) -> Tensor:
        """Parts come one after the other, in the order of the ranks: two of them are held at a time."""
        out: Tensor | None = None
        for rank in range(self.size):
            part = self._from(rank, own, tuple(own.shape))
            out = part if out is None else out + part
        assert out is not None  # there is at least this rank
        return out

    def gathered(self, places: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """One after the other; a rank without tasks of its own adds nothing."""
        mine = None if rows is None else (tuple(rows.shape), rows.dtype)
        shapes = self._shapes(mine)
        known = next((s for s in shapes if s is not None), None)
        if known is None:
            return places, None
        empty = torch.empty(0, dtype=known[1], device=places.device)
        at, found = [], []
        for rank, shape in enumerate(shapes):
            if shape is not None:
                at.append(self._from(rank, places, shape[0][:1]))
                found.append(self._from(rank, empty if rows is None else rows, shape[0]))
        return torch.cat(at), torch.cat(found)

    def _from(self, rank: int, own: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Rank's tensor, on every rank."""
        part = own.contiguous() if rank == self.rank else own.new_empty(shape)
        try:
            dist.broadcast(part, rank)
        except RuntimeError as error:
            raise self._lost(error) from error
        return part

    def _shapes(
        self, mine: tuple[tuple[int, ...], torch.dtype] | None
    ) -> list[tuple[tuple[int, ...], torch.dtype] | None]:
        """What every rank has to say of its rows."""
        out: list[tuple[tuple[int, ...], torch.dtype] | None] = [None] * self.size
        try:
            dist.all_gather_object(out, mine)
        except RuntimeError as error:
            raise self._lost(error) from error
        return out

    def _lost(self, error: RuntimeError) -> RankLost:
        return RankLost(
            f"rank {self.rank} of {self.size} lost another one, which ended or does not answer: "
            f"{str(error).splitlines()[0]}. What was stored stays; start the same command again"
        )


@contextmanager
def ranks(backend: str | None = None, *, timeout: float = 600.0) -> Iterator[Share]:
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
