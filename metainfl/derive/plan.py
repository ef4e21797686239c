"""How Hessian products are computed: order of differentiation, tasks and vectors at a time.

    mode    of a single product: "forward" (forward over reverse: works where a layer has no third
            derivative in reverse mode) or "reverse" (the graph of the gradient, pulled back)
    chunk   tasks differentiated together: 1 is a loop over tasks, more is a batched form by vmap
    kept    the same for graphs that are kept between products at one lam; 0 keeps none
    at_once tasks times vectors in one pass: few enough that what one layer leaves behind is still in the
            cache when the next one reads it
Small problems (up to 512 parameters) take reverse and 256 tasks unmeasured: overhead is all their cost.
For larger ones a product over a few tasks is timed in each way, once (`measure`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

Mode = Literal["forward", "reverse"]
Way = Literal["forward", "reverse", "kept"]
SMALL = 512
CHUNKS = (1, 4, 16)
MOST = 4096  # tasks times vectors in one pass
IN_FLIGHT = 2**30  # bytes of the graphs that vectors differentiated together stand for


@dataclass(frozen=True)
class Plan:
    """The choice, and the seconds a task of every way that was timed (nan: it failed)."""

    mode: Mode
    chunk: int
    kept: int
    timed: tuple[tuple[Way, int, float], ...] = ()
    #: what the gradient's graph of one task weighs; nan: not weighed, and small
    bytes_a_task: float = field(default=math.nan, compare=False)  # a measurement; nan is not itself
    at_once: int = MOST

    def width(self, n_tasks: int) -> int:
        """Vectors differentiated together with `n_tasks` tasks: bounds what is in flight."""
        most = max(1, self.at_once // n_tasks)
        if math.isnan(self.bytes_a_task):
            return most
        return min(most, max(1, int(IN_FLIGHT / (max(self.bytes_a_task, 1) * n_tasks))))

    def passes(self, n_tasks: int, cores: int) -> int:
        """How many such passes may stand side by side within the same bytes."""
        if math.isnan(self.bytes_a_task):
            return cores
        own = max(self.bytes_a_task, 1) * n_tasks * self.width(n_tasks)
        return max(1, min(cores, int(IN_FLIGHT / own)))

    def with_gradient(self) -> Plan:
        """The plan where every product comes with the gradient at its lam, as on a run's way back.

        In reverse order the gradient's graph serves the product; in forward order it comes on top.
        """
        times = {(way, size): t for way, size, t in self.timed if not math.isnan(t)}
        graphs = [
            t - times["kept", size]
            for (way, size), t in times.items()
            if way == "reverse" and ("kept", size) in times
        ]
        if not graphs:
            return self
        costs = {
            (way, size): t + (min(graphs) if way == "forward" else 0.0)
            for (way, size), t in times.items()
            if way != "kept"
        }
        way, chunk = min(costs, key=costs.__getitem__)
        return replace(self, mode="reverse" if way == "reverse" else "forward", chunk=chunk)

    def __str__(self) -> str:
        """`forward, 4 tasks at a time; graphs kept, 4 at a time (of 9 ways timed; slowest ...)`."""
        text = f"{self.mode}, {self.chunk} task{'s' if self.chunk > 1 else ''} at a time"
        if self.kept:
            text += f"; graphs kept, {self.kept} at a time"
        if not math.isnan(self.bytes_a_task):
            text += f", {self.bytes_a_task / 2**20:.3g} MiB a task"
        if self.at_once < MOST:
            many = max(1, self.at_once // self.chunk)
            text += ", vectors one by one" if many == 1 else f", {many} vectors in one pass"
        times = [t for *_, t in self.timed if not math.isnan(t)]
        if len(times) < 2:
            return text
        return f"{text} (of {len(times)} ways timed; slowest {max(times) / min(times):.1f} times slower)"


def unmeasured(n_meta: int, product: str, chunk: int | None) -> Plan:
    """What is done before, or without, measuring."""
    small = n_meta <= SMALL
    mode: Mode = "reverse" if product == "reverse" or (small and product == "auto") else "forward"
    size = chunk or (256 if small else CHUNKS[-1])
    return Plan(mode, size, size if mode == "reverse" else 0)
