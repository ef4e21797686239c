"""A symmetric matrix known by its products: what curvatures give and solvers take.

What is known of it is carried by it: directions along which a symmetry moves lam (`flat`), off which
systems are solved, and a lower bound of its eigenvalues off them (`low`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.solve.finite import finite_columns


class SymmetricOperator:
    """A (p, p), applied to (p,) or (p, k); `products` counts the columns it was applied to.

    `flat` (p, f) is orthonormal; None or f = 0 where nothing is flat. `low` is None where no bound is
    known. A product that is not finite raises `NotFinite`.
    """

    def __init__(
        self,
        size: int,
        apply: Callable[[Tensor], Tensor],
        like: Tensor,
        dense: Tensor | None = None,
        sample: Callable[[int, torch.Generator], SymmetricOperator] | None = None,
        make_dense: Callable[[], Tensor] | None = None,
        *,
        flat: Tensor | None = None,
        low: float | None = None,
    ) -> None:
        self.size, self._apply, self.like, self._dense = size, apply, like, dense
        self._sample, self._make_dense = sample, make_dense
        self.flat = None if flat is None or flat.shape[1] == 0 else flat
        self.low = low
        self.products = 0

    def __matmul__(self, v: Tensor) -> Tensor:
        """A v."""
        if not v.numel():
            return v.clone()
        self.products += 1 if v.ndim == 1 else v.shape[1]
        found = self._apply(v) if self._dense is None else self._dense @ v
        if found.shape != v.shape:
            raise InvalidOption(
                f"a product of the curvature matrix must have the shape of what it is applied to, "
                f"{tuple(v.shape)}, got {tuple(found.shape)}"
            )
        return finite_columns(
            found,
            "product of the curvature matrix",
            "look at the scale of the loss at lam, or compute in float64",
        )

    def dense(self) -> Tensor:
        """A as a matrix, made once."""
        if self._dense is None and self._make_dense is not None:
            self.products += self.size
            self._dense = self._make_dense()
        elif self._dense is None:
            a = self @ self._eye()
            self._dense = 0.5 * (a + a.T)
        return finite_columns(
            self._dense,
            "curvature matrix",
            "look at the scale of the loss at lam, or compute in float64",
        )

    def _eye(self) -> Tensor:
        return torch.eye(self.size, dtype=self.like.dtype, device=self.like.device)

    def sampled(self, batch: int, generator: torch.Generator) -> SymmetricOperator:
        """An unbiased estimate of A from `batch` tasks drawn without replacement."""
        if self._sample is None:
            raise InvalidOption("this curvature cannot be sampled task by task; use exact")
        return self._sample(batch, generator)

    # -- flat directions -----------------------------------------------------------------------
    @property
    def rank(self) -> int:
        """Dimension of the space in which systems are solved."""
        return self.size - (0 if self.flat is None else self.flat.shape[1])

    def off(self, v: Tensor) -> Tensor:
        """The part of v (p,) or (p, k) off the flat directions."""
        return v if self.flat is None else v - self.flat @ (self.flat.T @ v)

    def restricted(self) -> SymmetricOperator:
        """P A P with P the projection off the flat directions: what solvers work with.

        Iterations started off them stay off them; without this, rounding lets them drift along
        directions in which A is singular.
        """
        if self.flat is None:
            return self
        whole = self

        def apply(v: Tensor) -> Tensor:
            return whole.off(whole @ whole.off(v))

        def make() -> Tensor:
            half = whole.off(whole.dense())
            return whole.off(half.T)

        sample = None if self._sample is None else self._sampled_by(lambda a: a.restricted())
        return SymmetricOperator(
            self.size,
            apply,
            self.like,
            sample=sample,
            make_dense=make,
            flat=self.flat,
            low=self.low,
        )

    def damped(self, damping: float) -> SymmetricOperator:
        """A + damping I."""
        if not math.isfinite(damping):
            raise InvalidOption(f"damping must be finite, got {damping}")
        if damping == 0:
            return self
        dense, make = None, None
        if self._dense is not None:
            dense = self._dense + damping * self._eye()
        elif self._make_dense is not None:
            make = lambda: self.dense() + damping * self._eye()  # noqa: E731
        sample = None if self._sample is None else self._sampled_by(lambda a: a.damped(damping))
        return SymmetricOperator(
            self.size,
            lambda v: self @ v + damping * v,
            self.like,
            dense,
            sample,
            make,
            flat=self.flat,
            low=None if self.low is None else self.low + damping,
        )

    def _sampled_by(
        self, change: Callable[[SymmetricOperator], SymmetricOperator]
    ) -> Callable[[int, torch.Generator], SymmetricOperator]:
        return lambda batch, generator: change(self.sampled(batch, generator))
