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

import torch
import torch.distributed as dist

from metainfl.derive.share import sharing
from metainfl.errors import InvalidOption, RankLost
from metainfl.numbers import real
from metainfl.scale.rank import Ranks

#: of a timeout; torch counts milliseconds in a C int
SECONDS = "positive, in seconds, and at most a million", lambda v: 0 < v <= 10**6


@contextmanager
def ranks(backend: str | None = None, *, timeout: float = 600.0) -> Iterator[Ranks]:
    """Within, all loops over tasks are shared with the other processes that torchrun started.

    `backend` is "gloo" (default without a GPU) or "nccl"; `timeout` is in seconds. Joins the group that
    RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT name, unless one stands already: that is used as it is.
    Raises `InvalidOption` where these are missing or one of another backend stands, and `RankLost` in what is
    computed within if a process ends.
    """
    if backend not in (None, "gloo", "nccl"):
        raise InvalidOption(f"backend is 'gloo' or 'nccl', got {backend!r}")
    timeout = real(timeout, "timeout", SECONDS, InvalidOption)
    here = dist.is_available() and dist.is_initialized()
    if here and backend not in (None, dist.get_backend()):
        raise InvalidOption(
            f"a group of {dist.get_backend()} stands already: leave the backend out, or end that one first"
        )
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
