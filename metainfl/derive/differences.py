"""Whether Hessian products are derivatives of the gradient: a check of a user's own model and losses.

    | H v - (g(lam + h v) - g(lam - h v)) / 2h | / | H v |,   |v| = 1,  h = eps^(1/3) max(1, |lam|) and less
In float64 wherever model and losses allow it: only there is h small enough not to cross the kinks of ReLU
or max pooling. A smooth model gives about eps^(2/3) times its condition; an operation whose higher
derivatives are wrong gives per cents at every h.
"""

from __future__ import annotations

import copy
import math

import torch

from metainfl.derive.problem import Problem
from metainfl.problem.model import FromModule

STEPS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)


def product_error(problem: Problem, probes: int = 3, seed: int = 0) -> float:
    """The median over random directions of the error at the best h, on the first few tasks."""
    n = min(problem.tasks.n_tasks, problem.plan.chunk, 4)
    few = problem.replaced(tasks=problem.tasks.select(list(range(n))))
    try:
        return _median(_in_double(few), probes, seed)
    except RuntimeError:  # a constant of the model or of a loss is of the problem's own precision
        return _median(few, probes, seed)


def _median(few: Problem, probes: int, seed: int) -> float:
    lam, generator = few.lam, torch.Generator().manual_seed(seed)
    h = torch.finfo(lam.dtype).eps ** (1 / 3) * max(1.0, float(lam.norm()))
    errors = []
    for _ in range(probes):
        v = torch.randn(len(lam), generator=generator, dtype=torch.float64).to(lam)
        v = v / v.norm()
        product = few.hessian_product(lam, v)
        gaps = [
            (few.gradient(lam + s * h * v) - few.gradient(lam - s * h * v)) / (2 * s * h) - product
            for s in STEPS
        ]
        size = float(product.norm())
        errors.append(min(float(gap.norm()) for gap in gaps) / size if size else 0.0)
    middle = sorted(errors)[probes // 2]
    return middle if math.isfinite(middle) else math.inf


def _in_double(problem: Problem) -> Problem:
    """The same problem in float64, computed in the same order."""
    model = problem.setting.model
    if isinstance(model, FromModule):
        model = FromModule(copy.deepcopy(model.module).double())
    return problem.replaced(
        model=model,
        tasks=problem.tasks.to(dtype=torch.float64),
        product=problem.plan.mode,
        chunk=problem.plan.chunk,
    )
