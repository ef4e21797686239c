"""Flat directions of a user's own problem: found, and offered as a `Problem(symmetry=...)`.

A model whose outputs are compared by distances (prototypes) does not change when its last layer is turned,
however deep it is; a ridge head does not see a turn of the features. `find` tries the turns of every
layer of the model on the outputs of the tasks, and compares what it found with the zero eigenvalues of H.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from metainfl.derive.loop import each
from metainfl.derive.problem import Problem
from metainfl.operations.forward import jvp
from metainfl.problem import LinearEmbedding, TaskView
from metainfl.problem.asked import require_problem
from metainfl.problem.symmetry import Symmetry, last_layer, orthogonal, together

__all__ = ["Found", "Symmetry", "find", "last_layer", "orthogonal", "together"]

MOST = 3000  # parameters up to which the eigenvalues of H are counted


@dataclass(frozen=True)
class Found:
    """What `find` found: callable as a symmetry, and how far it explains the zero eigenvalues of H.

    names: the layers that may be turned. directions: their number at lam. zeros: zero eigenvalues of H at
    lam (None: too large to count). Where zeros exceed directions, the rest is no symmetry known here.
    """

    symmetry: Symmetry
    names: tuple[str, ...]
    directions: int
    zeros: int | None

    def __call__(self, lam: Tensor) -> Tensor:
        """An orthonormal basis (p, directions) at lam."""
        return self.symmetry(lam)


def find(problem: Problem) -> Found | None:
    """The turns of layers that leave every task's outputs at problem.lam alone; None if there are none.

    Use it as `problem.replaced(symmetry=metainfl.symmetry.find(problem))`. lam should be stationary for
    `zeros` to mean anything.
    """
    require_problem(problem)
    lam, kept = problem.lam, []
    eps = torch.finfo(lam.dtype).eps
    level = eps**0.75 * _effect(problem, _any(lam))
    for name, candidate in _candidates(problem):
        basis = candidate(lam)
        if not basis.shape[1]:
            continue
        # the regulariser must not change either; at a stationary lam it never does to first order
        other = _any(lam)[:, 0]
        prior = problem.prior(other)
        slope = float((candidate(other).T @ prior).abs().max())
        if slope <= eps**0.75 * float(prior.norm()) and _effect(problem, basis) <= level:
            kept.append((name, candidate))
    if not kept:
        return None
    symmetry = together([c for _, c in kept])
    zeros = None
    if problem.n_meta <= MOST:
        values = torch.linalg.eigvalsh(problem.hessian(lam))
        zeros = int((values.abs() <= eps**0.55 * values.abs().max()).sum())
    return Found(symmetry, tuple(n for n, _ in kept), symmetry(lam).shape[1], zeros)


def _any(lam: Tensor) -> Tensor:
    """Directions (p, 4) that are nothing special: how much outputs move as a rule."""
    g = torch.Generator().manual_seed(0)
    return torch.linalg.qr(
        torch.randn(len(lam), 4, generator=g, dtype=torch.float64, device="cpu")
    )[0].to(lam)


def _effect(problem: Problem, basis: Tensor) -> float:
    """The largest derivative of any output of any task along the columns of `basis`."""
    lam = problem.lam

    def one(task: TaskView, state: Any) -> Tensor:
        def outputs(at: Tensor) -> Tensor:
            return problem.outputs(at, at, task, state)

        moves = vmap(lambda v: jvp(outputs, (lam,), (v,))[1])(basis.T)
        return moves.abs().max()[None]

    return float(each(problem, lam, one, size=problem.plan.chunk).max())


def _candidates(problem: Problem) -> Iterator[tuple[str, Symmetry]]:
    """Turns of the outputs of every layer with a matrix, its bias along."""
    model = problem.setting.model
    model = getattr(model, "model", model)
    if isinstance(model, LinearEmbedding):
        yield "embedding", orthogonal(model.rank)
    shapes = getattr(model, "shapes", {})
    start, places = 0, {}
    for name, shape in shapes.items():
        places[name] = start
        start += shape.numel()
    for name, shape in shapes.items():
        if len(shape) < 2:
            continue
        rows, columns = shape[0], shape[1:].numel()
        beside = name.removesuffix("weight") + "bias"
        bias = places[beside] if beside in shapes and shapes[beside] == (rows,) else None
        yield name, last_layer(places[name], rows, columns, bias)
