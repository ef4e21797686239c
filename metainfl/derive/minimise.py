"""A minimiser of F by Newton's method, to the rounding of the gradient: dense, or by trust regions.

    dense          the Hessian, its eigenvalues taken absolute: a few hundred parameters (`dense_newton`)
    trust region   products only, negative curvature used, after an approach by L-BFGS  (`trust_region`)
Where F is not convex the minimum is a local one, and which one depends on the start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from metainfl.derive.far import tell_if_far
from metainfl.derive.watch import Show, shown
from metainfl.errors import Interrupted, InvalidOption, NotConverged
from metainfl.numbers import among, whole

Products = Callable[[Tensor], Tensor]
Way = Literal["auto", "dense", "trust-region"]
STEEP, AWAY = 0.1, 10  # relative gradient, and lengths of the start: a fall that has no end
DENSE = 300  # parameters up to which the Hessian is made


class Objective(Protocol):
    """What is minimised."""

    def objective(self, lam: Tensor) -> Tensor:
        """F."""
        ...

    def gradient(self, lam: Tensor) -> Tensor:
        """Grad F (p,)."""
        ...

    def hessian(self, lam: Tensor) -> Tensor:
        """H (p, p)."""
        ...

    def products(self, lam: Tensor) -> Products:
        """V (p, k) to H V at lam, with what these products share kept."""
        ...

    def residual(self, lam: Tensor) -> float:
        """|grad F| relative to the sizes of its terms."""
        ...


def silent(line: str) -> None:
    """No progress is shown; a function by name, for a problem that was solved goes to other processes."""


@dataclass(eq=False)
class Minimisation:
    """How far a minimisation got, and why it stopped. `lam` is where: start there again to go on.

    approach: L-BFGS steps before Newton's. residual: |grad F| relative to the sizes of its terms.
    negative: steps that used a direction of negative curvature. blur: the last Newton step, not
    taken or of no use, relative to 1 + |lam|: how well lam is known (dense way: where curvature is small).
    A minimum of a function that is not convex is local: `reason` says so.
    """

    lam: Tensor
    way: str = ""
    approach: int = 0
    steps: int = 0
    products: int = 0
    gradients: int = 0
    negative: int = 0
    value: float = float("nan")
    slope: float = float("nan")
    residual: float = float("nan")
    blur: float = 0.0
    reason: str = "not started"
    converged: bool = False
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic, repr=False)
    show: Show = field(default=silent, repr=False)

    def tell(self) -> None:
        """One line of progress."""
        self.show(
            f"minimising F by {self.way}: step {self.approach + self.steps}, F {self.value:.8g}, |gradient| "
            f"{self.slope:.2e}, {self.products} products, {time.monotonic() - self.started:.0f} s"
        )

    def __str__(self) -> str:
        return (
            f"{self.reason} ({self.way}, {self.approach} + {self.steps} steps, {self.gradients} "
            f"gradients, {self.products} products, {self.seconds:.1f} s; F {self.value:.8g}, "
            f"relative gradient {self.residual:.2g}"
            + (f", lam known to {self.blur:.1g} of 1 + |lam|)" if self.blur else ")")
        )


def minimise(
    problem: Objective,
    lam: Tensor,
    steps: Callable[[Objective, Minimisation, int], None],
    *,
    way: str,
    max_steps: int,
    progress: bool | Show | None,
    keep: Callable[[Minimisation], None],
) -> Tensor:
    """A local minimiser of F near `lam` (p,), found by `steps`; `keep` is given the account of it.

    Raises `NotConverged`, and `Interrupted` at Ctrl-C, with the last iterate as their `result`.
    """
    max_steps = whole(max_steps, "max_steps", 1, error=InvalidOption)
    run = Minimisation(lam, way)
    keep(run)
    try:
        with shown(progress) as show:
            run.show = show
            steps(problem, run, max_steps)
    except KeyboardInterrupt:
        run.reason = "interrupted"
        seen = math.isfinite(run.value)
        where = f" at F {run.value:.8g}, |gradient| {run.slope:.2g}" if seen else ""
        raise Interrupted(
            f"minimising F interrupted after {run.steps} steps{where}; `result` holds the last iterate, "
            "problem.solve(start=result) goes on",
            run.lam,
        ) from None
    finally:
        run.seconds = time.monotonic() - run.started
        run.show = silent
    run.residual = problem.residual(run.lam)
    if not run.converged:
        raise NotConverged(
            f"F was not minimised: {run}. `result` holds the last iterate, problem.solve(start=result) "
            f"goes on; {_why(run, lam)}",
            run.lam,
        )
    tell_if_far(
        run.blur,
        run.lam,
        "problem.solve() could not tell its end from the minimiser",
        "raise outer_reg",
    )
    return run.lam


def _why(run: Minimisation, start: Tensor) -> str:
    """What may keep a gradient from becoming rounding, where lam began at `start`."""
    first, last = float(start.norm()), float(run.lam.norm())
    if run.residual > STEEP and last > AWAY * (1 + first):
        return (
            f"lam runs away while F falls, |lam| from {first:.2g} to {last:.2g}: F has no minimum there, as "
            "a loss has no lower bound (look at its sign), or labels can be told apart without an error and "
            "nothing bounds lam; raise outer_reg"
        )
    single = ""
    if run.lam.dtype == torch.float64 and run.residual < torch.finfo(torch.float32).eps ** 0.5:
        single = (
            "its gradient is small as in single precision: where the model or a loss computes a part in "
            "float32 (.float(), a constant), compute it in float64, or give tasks in float32; "
        )
    return (
        f"{single}a problem with kinks (ReLU, max-pooling) may have no smooth minimum to find: tanh or "
        "softplus has"
    )


def chosen(way: Way, p: int) -> str:
    """The way for p parameters."""
    if not among(way, ("auto", "dense", "trust-region")):
        raise InvalidOption(f"way is 'auto', 'dense' or 'trust-region', got {way!r}")
    return way if way != "auto" else "dense" if p <= DENSE else "trust-region"


def resolved(size: float, dtype: torch.dtype) -> bool:
    """Whether F resolves the progress of a step of this relative size: below eps^0.4 it does not."""
    return size > torch.finfo(dtype).eps ** 0.4
