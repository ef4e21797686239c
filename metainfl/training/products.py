"""Joint Hessian products of one step's batch, stack by stack, and its gradient where that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metainfl.derive.beside_lam import require_followed
from metainfl.derive.failure import named
from metainfl.derive.left_out import require_left_out
from metainfl.derive.loop import together
from metainfl.derive.share import Of, own_part
from metainfl.derive.stacks import Stack, tried
from metainfl.training import joint, places
from metainfl.training.finite import finite
from metainfl.training.joint import Variables
from metainfl.training.program import Program


class Products:
    """Products at step t along directions in `moved`, read off in `read`.

    In reverse order the graphs that the gradient needs serve the products too, as far as they fit into the
    problem's `keep` bytes: a step of the adjoint then costs one gradient and one pass back through it.
    """

    def __init__(
        self, program: Program, t: int, lam: Tensor, moved: Sequence[str], read: Sequence[str]
    ) -> None:
        self.program, self.t, self.lam = program, t, lam
        self.moved, self.read = moved, read
        with own_part():
            self.stacks = program.stacks(t, lam)
        fields = {*moved, *read}
        for stack, where in self.stacks:
            require_left_out(program.problem, lam, stack.view, fields)
            own = stack._replace(places=where)
            require_followed(program.problem, lam, own, fields, everywhere=False)
        self.reverse = program.plan.mode == "reverse"
        self.kept: dict[int, joint.Reverse] = {}

    def gradient(self) -> Tensor:
        """g_t (p,)."""
        program, lam = self.program, self.lam
        total, room = torch.zeros_like(lam), self._room()
        with own_part():
            for i, (stack, _) in enumerate(self.stacks):
                room -= self._weight(len(stack.w))
                with named(tried(program.problem, lam, stack)):
                    if room < 0:
                        total = total + joint.gradient(program.problem, lam, stack)[1]
                        continue
                    graph = joint.Reverse(program.problem, lam, stack, self.moved, self.read)
                self.kept[i] = graph
                total = total + graph.slopes["lam"].detach()
        return program.scale(self.t) * together(total, (lam,)) + program.problem.prior(lam)

    def _room(self) -> int:
        """Bytes of graphs that are kept; -1 where they serve no product."""
        return self.program.problem.keep if self.reverse else -1

    def _weight(self, tasks: int) -> int:
        """Bytes of the graph of that many tasks."""
        each = self.program.plan.bytes_a_task
        return 0 if math.isnan(each) else int(each * tasks)

    def along(
        self,
        directions: Callable[[Stack, Tensor], Variables],
        rows: int,
        sums: Variables | None = None,
        of: Of = (),
    ) -> Tensor:
        """What is read off in lam (rows, p), without c_t and the regulariser; zeros if lam is not read.

        `of` is what the directions are made of.

        What is read in a variable of the tasks is added to `sums`, at the places of the tasks: of this
        process's own tasks only, if the loop is shared (`together` adds them up, once for all steps).
        """
        problem = self.program.problem
        way = joint.Reverse if self.reverse else joint.Forward
        out = self.lam.new_zeros(rows, len(self.lam))
        with own_part():
            for i, (stack, where) in enumerate(self.stacks):
                width = self.program.plan.width(len(stack.w))
                with named(tried(problem, self.lam, stack)):
                    kept = self.kept.pop(i, None)
                    graph = kept or way(problem, self.lam, stack, self.moved, self.read)
                    found = graph.product(directions(stack, where), width)
                if "lam" in found:
                    out = out + found["lam"]
                for name, total in (sums or {}).items():
                    what = f"derivative of the run in {name}"
                    places.add(total, where, finite(found[name], what, self.t))
        return together(out, (self.lam, *of)) if "lam" in self.read else out
