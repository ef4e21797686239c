"""The plan of a large problem, by measurement: a product over a few tasks timed in each way, once.

What takes seconds for a few tasks is work, not waiting, and gains nothing by larger stacks: no more of it is
tried, nor timed twice. What takes milliseconds in reverse waits for Python, for which forward mode asks more:
it is not tried there, and torch does not import its compiler, which takes seconds itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from metainfl.derive.cores import cores
from metainfl.derive.failure import passes
from metainfl.derive.plan import CHUNKS, MOST, Plan, Way
from metainfl.derive.product import Graph, forward_product, stack_product
from metainfl.derive.stacks import Stack, stacks
from metainfl.errors import MetainflError
from metainfl.problem import Definition

SLOWER = 1.3  # beyond this, more vectors in one pass are not tried
LONG = 1.0  # seconds that one measurement may take: more tasks, or vectors, are not tried beyond
WORK = 0.02  # seconds: a pass that takes this long and gained less than a tenth is not widened
AGAIN = 0.5  # seconds: what takes less is timed again, since anything may have come between


def weight_of_a_graph(problem: Definition, lam: Tensor) -> float:
    """Bytes of the gradient's graph of one task; nan where there is none, which a product will say."""
    try:
        stack = next(stacks(problem, lam, problem.tasks.select([0]), size=1))
        return float(max(1, Graph(problem, lam, stack).bytes()))
    except Exception as error:
        if passes(error):
            raise
        return math.nan


def measured(problem: Definition, lam: Tensor) -> Plan:
    """Time one product over at most 16 tasks in each way that the problem leaves open."""
    rows = torch.ones_like(lam)[None] / len(lam) ** 0.5
    sizes = sorted({min(c, problem.tasks.n_tasks) for c in CHUNKS})
    if problem.asked_chunk is not None:
        sizes = [problem.asked_chunk]
    timed: list[tuple[Way, int, float]] = []
    weight, waits = math.nan, False
    for size in sizes:
        n = min(size, problem.tasks.n_tasks)
        few = problem.replaced(tasks=problem.tasks.select(list(range(n))))
        first = size == sizes[0]
        if problem.product != "forward":
            whole, again, size_now = _reverse(few, lam, rows, size, first)
            timed += [("reverse", size, whole / n), ("kept", size, again / n)]
            weight = size_now / n if first else weight
            waits = whole <= WORK if first and problem.product == "auto" else waits
        if problem.product != "reverse" and not waits:
            timed.append(("forward", size, _forward(few, lam, rows, size, first) / n))
        if max((t * n for _, at, t in timed if at == size and t == t), default=0.0) > LONG:
            break
    single = [t for t in timed if t[0] != "kept" and not math.isnan(t[2])]
    kept = [t for t in timed if t[0] == "kept" and not math.isnan(t[2])]
    asked: Way = "reverse" if problem.product == "reverse" else "forward"
    way, chunk, _ = min(single, key=lambda t: t[2], default=(asked, sizes[0], 0.0))
    keep = min(kept, key=lambda t: t[2])[1] if kept else 0
    if math.isnan(weight):
        weight = weight_of_a_graph(problem, lam)
    plan = Plan("reverse" if way == "reverse" else "forward", chunk, keep, tuple(timed), weight)
    return replace(plan, at_once=_at_once(problem, lam, plan))


def _at_once(problem: Definition, lam: Tensor, plan: Plan) -> int:
    """Tasks times vectors in one pass: the fastest of one vector, four, sixteen, ...

    Small layers wait for Python, and batching them is free, until their intermediate values leave the
    processor's cache; large convolutions become grouped ones, slower than the same ones one by one.
    """
    n = min(plan.chunk, problem.tasks.n_tasks)
    stack = next(stacks(problem, lam, problem.tasks.select(list(range(n))), size=n))
    timed: dict[int, float] = {}
    try:
        graph = None if plan.mode == "forward" else Graph(problem, lam, stack)
        width = 1
        while width <= plan.width(n):
            as_made = replace(plan, at_once=width * n)
            beside = 1 if graph is None else as_made.passes(n, cores(lam))
            rows = torch.ones_like(lam).expand(beside * width, -1) / len(lam) ** 0.5
            once = partial(_pulled, problem, lam, rows, stack, graph, (width, beside))
            seconds, before = _seconds(once), min(timed.values(), default=math.inf)
            timed[width] = seconds / len(rows)
            slower = timed[width] > SLOWER * before
            if slower or seconds * 4 > LONG or (seconds > WORK and timed[width] > 0.9 * before):
                break
            width *= 4
    except MetainflError:
        raise
    except Exception:
        timed = timed or {1: 0.0}
    best = min(timed, key=timed.__getitem__)
    return MOST if 4 * best > plan.width(n) else n * best


def _pulled(
    problem: Definition,
    lam: Tensor,
    rows: Tensor,
    stack: Stack,
    graph: Graph | None,
    how: tuple[int, int],
) -> Tensor:
    if graph is None:
        return forward_product(problem, lam, rows, stack, how[0])
    return graph.pull(rows, *how)


def _seconds(call: Callable[[], Tensor]) -> float:
    """The fastest of two, once warm, or of four where they are short; the first where it is long."""
    times: list[float] = []
    while len(times) < (3 if sum(times) > WORK else 5) and not (times and times[-1] > AGAIN):
        started = time.perf_counter()
        float(call()[0, 0])
        times.append(time.perf_counter() - started)
    return min(times[1:] or times)


def _forward(problem: Definition, lam: Tensor, rows: Tensor, size: int, cold: bool) -> float:
    """Seconds of a product, the faster of two once warm; nan where this way does not work."""

    def once() -> float:
        started = time.perf_counter()
        for stack in stacks(problem, lam, size=size):
            float(forward_product(problem, lam, rows, stack, 1)[0, 0])  # waits for the device
        return time.perf_counter() - started

    return _best(lambda: (once(),), cold)[0]


def _reverse(
    problem: Definition, lam: Tensor, rows: Tensor, size: int, cold: bool
) -> tuple[float, float, float]:
    """Seconds of a product likewise, of it those after the graph was made, and the graph's bytes."""

    def once() -> tuple[float, float, float]:
        started, pulled, weight = time.perf_counter(), 0.0, 0.0
        for stack in stacks(problem, lam, size=size):
            graph = Graph(problem, lam, stack)
            float(graph.gradient.detach()[0])
            made = time.perf_counter()
            float(graph.pull(rows, 1)[0, 0])
            pulled += time.perf_counter() - made
            weight += graph.bytes()
        return time.perf_counter() - started, pulled, weight

    best = _best(once, cold)
    return (best[0], best[1], best[2]) if len(best) == 3 else (math.nan, math.nan, math.nan)


def _best(once: Callable[[], tuple[float, ...]], cold: bool) -> tuple[float, ...]:
    """The faster of two; the first where it is long, unless nothing has run before it."""
    try:
        first = once()
        return first if first[0] > AGAIN and not cold else min(first, once())
    except MetainflError:
        raise
    except Exception:
        return (math.nan,)


def works(problem: Definition, lam: Tensor, plan: Plan) -> bool:
    """Whether two products of the first two tasks can be computed as planned."""
    rows = torch.ones_like(lam).expand(2, -1)
    try:
        stack = next(
            stacks(
                problem, lam, problem.tasks.select([0, 1][: problem.tasks.n_tasks]), size=plan.chunk
            )
        )
        stack_product(problem, lam, rows, stack, plan)
    except MetainflError:
        raise
    except Exception:
        return False
    return True
