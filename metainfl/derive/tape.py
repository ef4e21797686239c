"""H at one lam, for many products, as a solver makes them: for less than two meta-gradients each.

The graph of grad F is kept, and a product is one pass back through it. Memory stays bounded: up to `keep`
bytes of graphs are kept, and the other tasks are computed afresh.
"""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.cores import cores
from metainfl.derive.failure import named
from metainfl.derive.finite import finite_vector
from metainfl.derive.loop import own_stacks, total, whose
from metainfl.derive.plan import Plan
from metainfl.derive.product import Graph, stack_product
from metainfl.derive.share import own_part
from metainfl.derive.stacks import Stack, tried
from metainfl.derive.vectors import multiplied, rows_of
from metainfl.problem import Definition


class Tape:
    """V (p,) or (p, k) to H V; graphs are made at the first product, and freed with the object.

    Its graphs are of this process's own tasks: where the tasks are shared out in another way than they were,
    they are made again.
    """

    def __init__(self, problem: Definition, lam: Tensor, plan: Plan) -> None:
        self.problem, self.lam, self.plan = problem, lam.detach().clone(), plan
        self.graphs: list[Graph] = []
        self.of: tuple[int, int] | None = None

    def __call__(self, vectors: Tensor) -> Tensor:
        """H V for V (p,) or (p, k)."""
        p, plan = self.problem, self.plan
        vectors = multiplied(vectors, self.lam)
        if not vectors.numel():
            return vectors.clone()
        if self.of != whose():
            self.graphs = self._record() if plan.kept and p.keep else []
            self.of = whose()
        rows = rows_of(vectors)
        own = None
        with own_part(), named():
            for graph in self.graphs:
                n = graph.n_tasks
                found = graph.pull(rows, plan.width(n), plan.passes(n, cores(rows)))
                own = found if own is None else own + found

        def product(stack: Stack) -> Tensor:
            return stack_product(p, self.lam, rows, stack, plan)

        done = sum(graph.n_tasks for graph in self.graphs)
        start = p.outer_reg * rows
        size = plan.chunk
        found = total(p, self.lam, product, start, size=size, skip=done, own=own, of=(rows,))
        return finite_vector(p, self.lam, found, "Hessian product").T.reshape(vectors.shape)

    def _record(self) -> list[Graph]:
        """Graphs of the first stacks, as many as fit into `keep` bytes."""
        graphs: list[Graph] = []
        spent = 0
        with own_part():
            for stack in own_stacks(self.problem, self.lam, size=self.plan.kept):
                with named(tried(self.problem, self.lam, stack)):
                    graph = Graph(self.problem, self.lam, stack)
                spent += graph.bytes()
                if spent > self.problem.keep:
                    break
                graphs.append(graph)
        return graphs
