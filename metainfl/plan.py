"""How Hessian products are computed, chosen by measurement: order of differentiation and batching.

    mode    "forward" (forward over reverse: one tape, works where a layer has no third derivative in
            reverse mode) or "reverse" (gradient of gradient . v: less overhead an operation)
    chunk   tasks differentiated together: 1 is a loop over tasks, more is a batched form by vmap
Small problems (up to 512 parameters) take reverse and 256 unmeasured: overhead is all their cost. For
larger ones a product over a few tasks is timed in each way, once, at the first product.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from metainfl.problem import Problem

Mode = Literal["forward", "reverse"]
SMALL = 512
CHUNKS = (1, 4, 16)


@dataclass(frozen=True)
class Plan:
    """The choice, and the seconds a task of every way that was timed (nan: it failed)."""

    mode: Mode
    chunk: int
    timed: tuple[tuple[Mode, int, float], ...] = ()

    def __str__(self) -> str:
        """`forward, 4 tasks at a time (of 6 ways timed; slowest 3.1 times slower)`."""
        text = f"{self.mode}, {self.chunk} task{'s' if self.chunk > 1 else ''} at a time"
        times = [t for *_, t in self.timed if t == t]
        if len(times) < 2:
            return text
        return f"{text} (of {len(times)} ways timed; slowest {max(times) / min(times):.1f} times slower)"


def unmeasured(n_meta: int) -> Plan:
    """What is done before, or without, measuring."""
    return Plan("reverse", 256) if n_meta <= SMALL else Plan("forward", CHUNKS[-1])


def measured(problem: Problem, lam: Tensor) -> Plan:
    """Time one product over at most 16 tasks in each way that the problem leaves open."""
    v = torch.ones_like(lam) / len(lam) ** 0.5
    modes: tuple[Mode, ...] = ("forward", "reverse")
    if problem.product != "auto":
        modes = (problem.product,)  # type: ignore[assignment]
    sizes = sorted({min(c, problem.tasks.n_tasks) for c in CHUNKS})
    if problem.asked_chunk is not None:
        sizes = [problem.asked_chunk]
    if len(modes) == len(sizes) == 1:
        return Plan(modes[0], sizes[0])
    timed: list[tuple[Mode, int, float]] = []
    for mode in modes:
        for size in sizes:
            few = problem.tasks.select(list(range(min(size, problem.tasks.n_tasks))))
            one = problem.replaced(tasks=few, product=mode, chunk=size)
            timed.append((mode, size, _seconds(one, lam, v) / few.n_tasks))
    best = min((t for t in timed if t[2] == t[2]), key=lambda t: t[2], default=("forward", 1, 0.0))
    return Plan(best[0], best[1], tuple(timed))


def _seconds(problem: Problem, lam: Tensor, v: Tensor) -> float:
    """Of a second product, the first having warmed up; nan where this way does not work at all."""
    try:
        problem.hessian_product(lam, v)
        started = time.perf_counter()
        float(problem.hessian_product(lam, v)[0])  # reading a number waits for the device
        return time.perf_counter() - started
    except (RuntimeError, NotImplementedError):
        return float("nan")
