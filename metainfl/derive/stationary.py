"""How far lam is from a stationary point of F, relative to what the gradient is made of.

    residual = |grad F| / (sum_i w_i |D L_i| + |outer_reg lam|)
eps^(5/8) is the tolerance: 2e-10 in float64 and 5e-5 in float32, what a good solver reaches with room to
spare, far below any influence. Where every term vanishes by itself (interpolation: all tasks fitted) that
ratio compares rounding with rounding; the gradient is then rounding where it is no more than what it changes
by when lam is rounded, `ROUNDED` eps |H lam|. Not more than that: beside a kink H has no bound.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.batching import over_tasks
from metainfl.derive.finite import finite_vector
from metainfl.derive.loop import total
from metainfl.derive.plan import Plan
from metainfl.derive.product import fresh
from metainfl.derive.stacks import Stack
from metainfl.errors import NotStationary
from metainfl.problem import Definition, TaskView


def terms(problem: Definition, lam: Tensor, size: int) -> tuple[Tensor, float]:
    """Grad F (p,), and the sum of the sizes of its terms."""

    def one(task: TaskView, state: object) -> Tensor:
        slope: Tensor = grad(problem.task_loss)(lam, task, state)
        return slope

    def sums(stack: Stack) -> Tensor:
        slopes = over_tasks(one, stack.view, stack.state).detach()
        return torch.cat([stack.w @ slopes, (stack.w @ slopes.norm(dim=1))[None]])

    prior = problem.prior(lam)
    found = total(problem, lam, sums, torch.cat([prior, prior.norm()[None]]), size=size)
    return found[:-1], float(found[-1])


ROUNDED = 256  # roundings of lam that a gradient may be made of, where nothing else of it is left


class Standing(NamedTuple):
    """Grad F (p,) at a lam, and the residual: its size relative to its terms'."""

    gradient: Tensor
    residual: float


def standing(problem: Definition, lam: Tensor, size: int) -> Standing:
    """How far lam (p,) is from stationary, and what it is that does not vanish."""
    g, scale = terms(problem, lam, size)
    length = float(finite_vector(problem, lam, g, "gradient").norm())
    return Standing(g, length / scale if scale > 0 else 0.0 if length == 0 else math.inf)


def tolerance_of(lam: Tensor) -> float:
    """eps^(5/8)."""
    return float(torch.finfo(lam.dtype).eps ** 0.625)


def allowed(lam: Tensor, terms: float, reach: float, wanted: float | None = None) -> float:
    """The longest gradient that passes for none, of these sizes of its terms and `reach` = |H lam|."""
    wanted = tolerance_of(lam) if wanted is None else wanted
    return wanted * terms + min(wanted, ROUNDED * torch.finfo(lam.dtype).eps) * reach


def relative_gradient(problem: Definition, lam: Tensor, plan: Plan, wanted: float) -> float:
    """The gradient over what is `allowed`, times what is wanted: at most that where it is rounding."""
    g, scale = terms(problem, lam, plan.chunk)
    reach = float(fresh(problem, lam, lam, plan).norm())
    most = allowed(lam, scale, reach, wanted)
    return wanted * float(g.norm()) / most if most > 0 else float(g.norm())


def require_stationary(
    problem: Definition, lam: Tensor, residual: float, plan: Plan, tolerance: float | None = None
) -> float:
    """The residual; raises `NotStationary` above the tolerance."""
    wanted = tolerance_of(lam) if tolerance is None else tolerance
    if residual <= wanted:
        return residual
    other = relative_gradient(problem, lam, plan, wanted)
    if other <= wanted:
        return other
    raise NotStationary(
        f"lam is not stationary: relative gradient {residual:.3g} exceeds {wanted:.3g}. "
        "Train longer, call problem.solve(), or pass allow_nonstationary=True and read the "
        "result as an approximation. A network that was trained for some steps has an exact answer "
        "in its training run: see metainfl.training",
        residual=residual,
    )
