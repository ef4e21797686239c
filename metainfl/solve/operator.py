"""A symmetric matrix known by its products: what curvatures give and solvers take."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem


class SymmetricOperator:
    """A (p, p), applied to (p,) or (p, k); `products` counts the columns it was applied to."""

    def __init__(
        self,
        size: int,
        apply: Callable[[Tensor], Tensor],
        like: Tensor,
        dense: Tensor | None = None,
        sample: Callable[[int, torch.Generator], SymmetricOperator] | None = None,
        make_dense: Callable[[], Tensor] | None = None,
    ) -> None:
        self.size, self._apply, self.like, self._dense = size, apply, like, dense
        self._sample, self._make_dense = sample, make_dense
        self.products = 0

    def __matmul__(self, v: Tensor) -> Tensor:
        """A v."""
        self.products += 1 if v.ndim == 1 else v.shape[1]
        return self._apply(v) if self._dense is None else self._dense @ v

    def dense(self) -> Tensor:
        """A as a matrix, made once."""
        if self._dense is None and self._make_dense is not None:
            self.products += self.size
            self._dense = self._make_dense()
        elif self._dense is None:
            a = self @ self._eye()
            self._dense = 0.5 * (a + a.T)
        return self._dense

    def _eye(self) -> Tensor:
        return torch.eye(self.size, dtype=self.like.dtype, device=self.like.device)

    def sampled(self, batch: int, generator: torch.Generator) -> SymmetricOperator:
        """An unbiased estimate of A from `batch` tasks drawn without replacement."""
        if self._sample is None:
            raise InvalidProblem("this curvature cannot be sampled task by task; use exact")
        return self._sample(batch, generator)

    def deflated(self, basis: Tensor) -> SymmetricOperator:
        """P A P + B B', P = I - B B': A off the orthonormal `basis` (p, f), and definite on it.

        Iterations started off the basis stay off it; without this, rounding lets them drift along
        directions in which A is singular.
        """

        def apply(v: Tensor) -> Tensor:
            along = basis.T @ v
            inside = self @ (v - basis @ along)
            return inside - basis @ (basis.T @ inside) + basis @ along

        sample = None if self._sample is None else self._sampled_by(lambda a: a.deflated(basis))
        return SymmetricOperator(self.size, apply, self.like, sample=sample)

    def damped(self, damping: float) -> SymmetricOperator:
        """A + damping I."""
        if damping == 0:
            return self
        dense, make = None, None
        if self._dense is not None:
            dense = self._dense + damping * self._eye()
        elif self._make_dense is not None:
            make = lambda: self.dense() + damping * self._eye()  # noqa: E731
        sample = None if self._sample is None else self._sampled_by(lambda a: a.damped(damping))
        return SymmetricOperator(
            self.size, lambda v: self @ v + damping * v, self.like, dense, sample, make
        )

    def _sampled_by(
        self, change: Callable[[SymmetricOperator], SymmetricOperator]
    ) -> Callable[[int, torch.Generator], SymmetricOperator]:
        return lambda batch, generator: change(self.sampled(batch, generator))
