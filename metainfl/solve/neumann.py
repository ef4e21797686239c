"""Neumann series, scaled (001, Algorithm 4, corrected): X_J = c sum_{j<=J} (I - c A)^j B.

It converges exactly when the spectral radius of I - c A is below 1; unscaled (c = 1) it usually is not.
c = 1/high from a Lanczos bound; the error is at most (1 - c low)^{J+1} |X*|, so J follows from the
wanted error. `low` is a known lower bound on the eigenvalues: outer_reg plus damping where the rest of
A is positive semi-definite; without it the Lanczos estimate is used, which may be too optimistic.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metainfl.errors import Interrupted, InvalidProblem, NotConverged, SingularHessian
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult, relative_residual
from metainfl.solve.spectrum import lanczos


class Neumann:
    """`terms` fixes J; otherwise J is computed for a relative error of `rtol`.

    With `terms`, falling short of `rtol` raises `NotConverged` unless `allow_unconverged`.
    """

    def __init__(
        self,
        *,
        terms: int | None = None,
        rtol: float = 1e-6,
        scale: float | None = None,
        low: float | None = None,
        lanczos_steps: int = 30,
        allow_unconverged: bool = False,
        max_terms: int = 100_000,
    ) -> None:
        if terms is not None and terms < 0:
            raise InvalidProblem(f"terms must not be negative, got {terms}")
        self.terms, self.rtol, self.scale, self.low = terms, rtol, scale, low
        self.lanczos_steps, self.max_terms = lanczos_steps, max_terms
        self.allow_unconverged = allow_unconverged

    def __call__(self, a: SymmetricOperator, b: Tensor) -> SolveResult:
        """X (p, k) with its predicted error."""
        s = lanczos(a, self.lanczos_steps)
        low = s.low if self.low is None else self.low
        if low <= 0:
            raise SingularHessian(f"the smallest eigenvalue is about {low:.3g}: add damping")
        c = 1 / s.high if self.scale is None else self.scale
        radius = max(abs(1 - c * low), abs(1 - c * s.high))
        if radius >= 1:
            raise NotConverged(
                f"the series diverges: the spectral radius of I - {c:.3g} A is {radius:.4g} (largest "
                f"eigenvalue {s.high:.3g}); leave scale out, or take at most {2 / s.high:.3g}"
            )
        terms = self.terms
        if terms is None:
            terms = math.ceil(math.log(self.rtol) / math.log(radius)) if radius > 0 else 0
            if terms > self.max_terms:
                raise NotConverged(
                    f"an error of {self.rtol:.1g} needs {terms} terms (condition {s.high / low:.3g}), "
                    f"more than {self.max_terms}; use CG, or add damping"
                )
        x = c * b
        done = 0
        try:
            for done in range(terms):  # noqa: B007  (Ctrl-C reads how far it came)
                x = x + c * (b - a @ x)
                if not torch.isfinite(x).all():
                    raise NotConverged("the series overflowed: the spectral bound was too low")
        except KeyboardInterrupt:
            part = SolveResult(
                x, relative_residual(a, x, b), radius ** (done + 1), done, a.products, False
            )
            raise Interrupted(f"Neumann interrupted after {done} of {terms} terms", part) from None
        error = radius ** (terms + 1)
        enough = error <= self.rtol
        result = SolveResult(x, relative_residual(a, x, b), error, terms, a.products, enough)
        if not enough and not self.allow_unconverged:
            raise NotConverged(
                f"{terms} terms leave a relative error of up to {error:.2g} (wanted {self.rtol:.1g}); "
                "raise terms, or pass allow_unconverged=True",
                result,
            )
        return result
