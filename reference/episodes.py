"""Tasks as stacked arrays, and the weights that every influence is a derivative with respect to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.perturbation import Perturbation, parts

Array = np.ndarray


@dataclass(frozen=True)
class Episodes:
    """T tasks: support inputs (T, n_s, d) and targets (T, n_s, c), query (T, n_q, d), (T, n_q, c).

    Single-level families have no support set: n_s = 0. Targets are real vectors for the squared
    loss and probability vectors (one-hot, usually) for softmax. float64 or complex128.
    """

    support_x: Array
    support_y: Array
    query_x: Array
    query_y: Array

    def __post_init__(self) -> None:
        for name in ("support_x", "support_y", "query_x", "query_y"):
            a = np.asarray(getattr(self, name))
            if a.ndim != 3:
                raise InvalidProblem(f"{name} must be (tasks, instances, features), got {a.shape}")
            if a.dtype.kind not in "fc":
                a = a.astype(np.float64)
            if not np.all(np.isfinite(a)):
                bad = np.argwhere(~np.isfinite(a))[0]
                raise InvalidProblem(f"{name} is not finite at task, instance, feature {bad}")
            object.__setattr__(self, name, a)
        sx, sy, qx, qy = self.support_x, self.support_y, self.query_x, self.query_y
        if not (len(sx) == len(sy) == len(qx) == len(qy)):
            raise InvalidProblem("support and query arrays disagree on the number of tasks")
        if len(sx) == 0 or qx.shape[1] == 0:
            raise InvalidProblem("no tasks, or no query instances: nothing is left to minimise")
        if sx.shape[1] != sy.shape[1] or qx.shape[1] != qy.shape[1]:
            raise InvalidProblem("inputs and targets disagree on the number of instances")
        if sx.shape[2] != qx.shape[2] or sy.shape[2] != qy.shape[2]:
            raise InvalidProblem("support and query disagree on features or outputs")

    @property
    def n_tasks(self) -> int:
        """T."""
        return len(self.support_x)

    def shifted(self, p: Perturbation, step: complex) -> Episodes:
        """The same tasks with one input moved by `step` along its axis."""
        name = "support_x" if p.kind == "support_input" else "query_x"
        x = getattr(self, name).astype(np.result_type(getattr(self, name), type(step)))
        x[p.task, p.instance, p.axis] += step
        return replace(self, **{name: x})


@dataclass(frozen=True)
class Weights:
    """Task weights (T,), support weights (T, n_s) and query weights (T, n_q); 1 = as given."""

    task: Array
    support: Array
    query: Array

    @classmethod
    def ones(cls, episodes: Episodes) -> Weights:
        """Every weight 1: the problem as given."""
        return cls(
            np.ones(episodes.n_tasks),
            np.ones(episodes.support_x.shape[:2]),
            np.ones(episodes.query_x.shape[:2]),
        )

    def moved(self, p: Perturbation, step: complex) -> Weights:
        """Weights after a step along p. A step of -1 from weight 1 removes it. Copies."""
        kind = np.result_type(self.task, type(step))
        w, u, v = (a.astype(kind) for a in (self.task, self.support, self.query))
        for m in parts(p):
            if m.kind == "task":
                w[m.task] += step
            elif m.kind == "support":
                u[m.task, m.instance] += step
            elif m.kind == "query":
                v[m.task, m.instance] += step
            else:
                raise InvalidProblem(f"{m} is an input shift, not a weight")
        return Weights(w, u, v)

    def without(self, p: Perturbation) -> Weights:
        """Weights after setting those that p names to zero: removal, whatever they were."""
        w, u, v = (a.copy() for a in (self.task, self.support, self.query))
        for m in parts(p):
            if m.kind == "task":
                w[m.task] = 0
            elif m.kind == "support":
                u[m.task, m.instance] = 0
            elif m.kind == "query":
                v[m.task, m.instance] = 0
            else:
                raise InvalidProblem(f"{m} is an input shift; it cannot be removed")
        return Weights(w, u, v)
