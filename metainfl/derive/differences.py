"""Whether derivatives are derivatives, on a user's own model, losses and tasks, in the ways in which
numbers will be computed.

    gradient   | <g, v> - (F(lam + h v) - F(lam - h v)) / 2h |            / (|g| / sqrt(p))
    products   | H v - (g(lam + h v) - g(lam - h v)) / 2h |               / |H v|
               one vector; several at once, batched as solvers batch them; and from a kept graph
for random |v| = 1, at the best of a few h = eps^(1/3) max(1, |lam|) and less. In float64 wherever model
and losses allow it: only there is h small enough not to cross the kinks of ReLU or max pooling. A smooth
model gives about eps^(2/3) times its condition; a layer whose backward is not its derivative, or an
operation whose higher derivatives are wrong, gives per cents at every h.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from metainfl.derive.derived import Derived
from metainfl.derive.tape import Tape
from metainfl.errors import InvalidProblem
from metainfl.problem.model import FromModule
from metainfl.problem.normal import normal

STEPS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e2, 1e3)  # the last two for single precision inside a model
ASIDE = 1e-3  # of |lam|/sqrt(p): far enough from a kink that lam sits on
ENOUGH = 1e-7  # no smaller h is tried once two derivatives agree to this
WRONG = 1e-2  # kinks and rounding stay below, wrong derivatives above

CAUSES = {
    "gradient": "the gradient of F is not its derivative: a layer's backward is not that of its forward "
    "(an embedding with padding_idx, a torch.autograd.Function, a hook that changes gradients, .detach(), "
    "torch.no_grad() or .data inside forward or a loss); write it in plain torch operations, or freeze "
    "what should not be differentiated (requires_grad_(False))",
    "single": "a Hessian product is not the derivative of the gradient: an operation of the model or of a "
    "loss has wrong second derivatives, or .detach() or torch.no_grad() hides a part of it",
    "batched": "products of many vectors at once differ, those of one vector agree: an operation of the "
    "model or of a loss has a wrong batching rule",
    "kept": "products from a kept graph differ, others agree: an operation of the model or of a loss is "
    "wrong in reverse over reverse; give Problem product='forward'",
}
WRITE_OUT = "; write it in elementary operations (python -m bench.operations lists torch's)"


@dataclass(frozen=True)
class DerivativeErrors:
    """Relative errors, each the median over random directions; `kept` is nan where no graph is kept."""

    gradient: float
    single: float
    batched: float
    kept: float

    @property
    def worst(self) -> float:
        """The largest."""
        return max(e for e in asdict(self).values() if e == e)

    @property
    def wrong(self) -> str | None:
        """Which derivative is the first that is wrong."""
        return next((name for name, e in asdict(self).items() if e > WRONG), None)

    def __str__(self) -> str:
        if self.wrong is None:
            return f"gradient and products agree with differences to {self.worst:.1g}"
        end = "" if self.wrong in ("gradient", "kept") else WRITE_OUT
        error = getattr(self, self.wrong)
        return f"{CAUSES[self.wrong]}{end} (relative difference {error:.2g}; or lam sits on a kink)"


def derivative_errors(problem: Derived, probes: int = 3, seed: int = 0) -> DerivativeErrors:
    """The errors above at problem.lam on the first few tasks, for a few gradients' time.

    A disagreement is reported, not raised: see `check_derivatives`.
    """
    few = problem.replaced(tasks=problem.tasks.select(list(range(min(problem.tasks.n_tasks, 4)))))
    try:
        return _errors(in_double(few), problem.plan.kept, probes, seed)
    except (RuntimeError, InvalidProblem):
        # a constant of the model or of a loss is of the problem's own precision
        return _errors(few, problem.plan.kept, probes, seed)


def aside(problem: Derived, seed: int = 0) -> Derived:
    """The problem a little beside its lam: there a kink that lam sits on (biases at zero) is none."""
    lam = problem.lam
    v = normal(len(lam), like=lam, seed=seed)
    size = max(float(lam.norm()) / math.sqrt(len(lam)), 1e-3)
    return problem.replaced(lam=lam + ASIDE * size * v)


def check_derivatives(problem: Derived) -> DerivativeErrors:
    """The same; raises `InvalidProblem` that names what is wrong: gradient, product, batched or kept."""
    errors = derivative_errors(problem)
    if errors.wrong is not None:
        raise InvalidProblem(str(errors))
    return errors


def _errors(few: Derived, kept: int, probes: int, seed: int) -> DerivativeErrors:
    lam = few.lam
    v = normal(probes, len(lam), like=lam, seed=seed)
    v = v / v.norm(dim=1, keepdim=True)
    size = few.task_gradients(lam).norm(dim=1)
    reg = few.prior(lam).norm()
    # the terms' sizes, as in `residual`: the gradient itself vanishes at a minimum
    scale = float(few.tasks.w @ size + reg) / math.sqrt(len(lam))
    gradient = few.gradient(lam)
    slopes = [_gap(few.objective, lam, d, gradient @ d, scale) for d in v]
    ways = {"single": torch.stack([few.hessian_product(lam, d) for d in v])}
    ways["batched"] = few.hessian_product(lam, v.T).T
    if kept:
        graphs = few.replaced(product="reverse", chunk=kept)
        ways["kept"] = Tape(graphs, lam, graphs.plan)(v.T).T
    found = {
        name: _median([_gap(few.gradient, lam, d, p) for d, p in zip(v, products, strict=True)])
        for name, products in ways.items()
    }
    return DerivativeErrors(
        _median(slopes), found["single"], found["batched"], found.get("kept", math.nan)
    )


def _gap(
    f: Callable[[Tensor], Tensor], lam: Tensor, v: Tensor, want: Tensor, scale: float | None = None
) -> float:
    """|want - differences of f along v| at the best h, relative to `scale`, by default |want|."""
    size = float(want.norm()) if scale is None else scale
    h = torch.finfo(lam.dtype).eps ** (1 / 3) * max(1.0, float(lam.norm()))
    best = math.inf
    for s in STEPS:
        ends = f(lam + s * h * v), f(lam - s * h * v)
        rounding = torch.finfo(lam.dtype).eps * float(ends[0].norm()) / (s * h)
        gap = float(((ends[0] - ends[1]) / (2 * s * h) - want).norm())
        best = min(best, max(gap - rounding, 0.0) / size if size else float(gap > rounding))
        if best < ENOUGH:
            break
    return best


def _median(errors: list[float]) -> float:
    middle = sorted(errors)[len(errors) // 2]
    return middle if math.isfinite(middle) else math.inf


def in_double(problem: Derived) -> Derived:
    """The problem in float64, computed in the same order and batched in the same way."""
    model = problem.setting.model
    return problem.replaced(
        model=model.to(torch.float64) if isinstance(model, FromModule) else model,
        tasks=problem.tasks.to(dtype=torch.float64),
        product=problem.plan.mode,
        chunk=problem.plan.chunk,
    )
