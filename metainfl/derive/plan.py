"""How Hessian products are computed, chosen by measurement: order of differentiation and batching.

    mode    of a single product: "forward" (forward over reverse: works where a layer has no third
            derivative in reverse mode) or "reverse" (the graph of the gradient, pulled back)
    chunk   tasks differentiated together: 1 is a loop over tasks, more is a batched form by vmap
    kept    the same for graphs that are kept between products at one lam; 0 keeps none
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
    from metainfl.derive.problem import Problem

Mode = Literal["forward", "reverse"]
Way = Literal["forward", "reverse", "kept"]
SMALL = 512
CHUNKS = (1, 4, 16)


@dataclass(frozen=True)
class Plan:
    """The choice, and the seconds a task of every way that was timed (nan: it failed)."""

    mode: Mode
    chunk: int
    kept: int
    timed: tuple[tuple[Way, int, float], ...] = ()
    bytes_a_task: float = float("nan")

    def __str__(self) -> str:
        """`forward, 4 tasks at a time; graphs kept, 4 at a time (of 9 ways timed; slowest ...)`."""
        text = f"{self.mode}, {self.chunk} task{'s' if self.chunk > 1 else ''} at a time"
        if self.kept:
            text += f"; graphs kept, {self.kept} at a time"
        if self.bytes_a_task == self.bytes_a_task:
            text += f", {self.bytes_a_task / 2**20:.3g} MiB a task"
        times = [t for *_, t in self.timed if t == t]
        if len(times) < 2:
            return text
        return f"{text} (of {len(times)} ways timed; slowest {max(times) / min(times):.1f} times slower)"


def unmeasured(n_meta: int, product: str, chunk: int | None) -> Plan:
    """What is done before, or without, measuring."""
    small = n_meta <= SMALL
    mode: Mode = "reverse" if product == "reverse" or (small and product == "auto") else "forward"
    size = chunk or (256 if small else CHUNKS[-1])
    return Plan(mode, size, size if mode == "reverse" else 0)


def measured(problem: Problem, lam: Tensor) -> Plan:
    """Time one product over at most 16 tasks in each way that the problem leaves open."""
    rows = torch.ones_like(lam)[None] / len(lam) ** 0.5
    sizes = sorted({min(c, problem.tasks.n_tasks) for c in CHUNKS})
    if problem.asked_chunk is not None:
        sizes = [problem.asked_chunk]
    timed: list[tuple[Way, int, float]] = []
    graph = float("nan")
    for size in sizes:
        few = problem.tasks.select(list(range(min(size, problem.tasks.n_tasks))))
        one = problem.replaced(tasks=few, chunk=size)
        n = few.n_tasks
        if problem.product != "reverse":
            timed.append(("forward", size, _forward(one, lam, rows) / n))
        if problem.product != "forward":
            whole, again, size_now = _reverse(one, lam, rows)
            timed += [("reverse", size, whole / n), ("kept", size, again / n)]
            graph = size_now / n if size == sizes[0] else graph
    single = [t for t in timed if t[0] != "kept" and t[2] == t[2]]
    kept = [t for t in timed if t[0] == "kept" and t[2] == t[2]]
    asked: Way = "reverse" if problem.product == "reverse" else "forward"
    way, chunk, _ = min(single, key=lambda t: t[2], default=(asked, sizes[0], 0.0))
    keep = min(kept, key=lambda t: t[2])[1] if kept else 0
    return Plan("reverse" if way == "reverse" else "forward", chunk, keep, tuple(timed), graph)


def _forward(problem: Problem, lam: Tensor, rows: Tensor) -> float:
    """Seconds of a product, the faster of two once warm; nan where this way does not work."""
    from metainfl.derive.product import forward_product

    def once() -> float:
        started = time.perf_counter()
        for stack in problem.chunks(lam):
            float(forward_product(problem, lam, rows, stack)[0, 0])  # waits for the device
        return time.perf_counter() - started

    try:
        once()
        return min(once() for _ in range(2))
    except RuntimeError:
        return float("nan")


def _reverse(problem: Problem, lam: Tensor, rows: Tensor) -> tuple[float, float, float]:
    """Seconds of a product likewise, of it those after the graph was made, and the graph's bytes."""
    from metainfl.derive.product import Graph

    def once() -> tuple[float, float, float]:
        started = time.perf_counter()
        for stack in problem.chunks(lam):
            graph = Graph(problem, lam, stack)
            float(graph.gradient.detach()[0])
            made = time.perf_counter()
            float(graph.pull(rows, 1)[0, 0])
            done = time.perf_counter()
        return done - started, done - made, graph.bytes()

    try:
        once()
        return min(once() for _ in range(2))
    except RuntimeError:
        return float("nan"), float("nan"), float("nan")
