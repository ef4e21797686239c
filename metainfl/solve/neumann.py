"""Neumann series, scaled (001, Algorithm 4, corrected): X_J = c sum_{j<=J} (I - c A)^j B.

It converges exactly when the spectral radius of I - c A is below 1; unscaled (c = 1) it usually is not.
c = 1/high from a Lanczos bound; the error is at most (1 - c low)^{J+1} |X*|, so J follows from the
wanted error. `low` is a known lower bound on the eigenvalues: outer_reg plus damping where the rest of
A is positive semi-definite; without it the Lanczos estimate is used, which may be too optimistic.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from metainfl.errors import Interrupted, NotConverged
from metainfl.solve import given
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor, refuse
from metainfl.solve.result import SolveResult, relative_residual
from metainfl.solve.spectrum import lanczos


class Neumann(Factoring):
    """`terms` fixes J; otherwise J is computed for a relative error of `rtol`.

    With `terms`, falling short of `rtol` raises `NotConverged` unless `allow_unconverged`.
    """

    terms: int | None
    rtol: float
    scale: float | None
    low: float | None
    lanczos_steps: int
    allow_unconverged: bool
    max_terms: int
    options: ClassVar = {
        "terms": lambda v: given.count_or_none(v, "terms", 0),
        "rtol": lambda v: given.share(v, "rtol", one=True),
        "scale": lambda v: given.positive_or_none(v, "scale"),
        "low": lambda v: given.positive_or_none(v, "low"),
        "lanczos_steps": lambda v: given.count(v, "lanczos_steps", 1),
        "allow_unconverged": lambda v: given.yes_or_no(v, "allow_unconverged"),
        "max_terms": lambda v: given.count(v, "max_terms", 1),
    }

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
        self.terms, self.rtol, self.scale, self.low = terms, rtol, scale, low
        self.lanczos_steps, self.max_terms = lanczos_steps, max_terms
        self.allow_unconverged = allow_unconverged

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The ends of the spectrum, and from them scale and number of terms."""
        s = lanczos(a, self.lanczos_steps)
        # a bound that is known is better than the Ritz value, which errs upwards unless it saw all
        known = a.low if a.low is not None and a.low > 0 and not s.whole else s.low
        low = min(self.low or known, s.low)
        if low <= floor(a) * s.high:
            what = "the series needs a positive definite matrix"
            raise refuse(what, low, s.high, torch.finfo(a.like.dtype).eps)
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
        return lambda b: self._solve(a, b, c, terms, radius)

    def _solve(
        self, a: SymmetricOperator, b: Tensor, c: float, terms: int, radius: float
    ) -> SolveResult:
        x = c * b
        done = 0
        try:
            for done in range(terms):  # noqa: B007  (Ctrl-C reads how far it came)
                x = x + c * (b - a @ x)
                if not torch.isfinite(x.square().sum()):
                    raise NotConverged("the series overflowed: the spectral bound was too low")
        except KeyboardInterrupt:
            part = SolveResult(
                x, relative_residual(a, x, b), radius ** (done + 1), done, a.products, False
            )
            raise Interrupted(f"Neumann interrupted after {done} of {terms} terms", part) from None
        error, residual = radius ** (terms + 1), relative_residual(a, x, b)
        # the residual is (I - c A)^{J+1} b: one above radius^{J+1} shows that `low` was too high
        believable = residual <= 1.01 * error + 64 * (terms + 1) * torch.finfo(b.dtype).eps
        error = error if believable else math.nan
        enough = error <= self.rtol
        result = SolveResult(x, residual, error, terms, a.products, enough)
        if not enough and not self.allow_unconverged:
            raise NotConverged(
                f"{terms} terms leave a relative error of up to {error:.2g} (wanted {self.rtol:.1g}), "
                f"residual {residual:.2g}; raise terms, or lanczos_steps where the error is nan (the "
                "smallest eigenvalue was taken too high), or pass allow_unconverged=True",
                result,
            )
        return result
