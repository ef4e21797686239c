"""Preconditioners for CG: each makes an approximate inverse of A, once, from a few products.

jacobi     the inverse diagonal; p products unless A is dense already
nystrom    A ~ U L U' + mu I from `rank` products with random vectors (Frangella, Tropp and Udell):
           P^-1 = (l_min + mu) U (L + mu)^-1 U' + (I - U U'), for spectra that fall fast
by         the inverse of another curvature that has one, EK-FAC say
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.numbers import POSITIVE, real, said
from metainfl.solve import given
from metainfl.solve.finite import finite_columns
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import refusal_of

Preconditioner = Callable[[SymmetricOperator], Callable[[Tensor], Tensor]]


def made(value: Any) -> Preconditioner:
    """A preconditioner, as `CG` takes it."""
    if not callable(value):
        raise InvalidOption(
            "preconditioner is a function of the curvature matrix, such as "
            f"metainfl.solve.precondition.jacobi, or None; got {said(value)}"
        )
    found: Preconditioner = value
    return found


def applied(own: Preconditioner, a: SymmetricOperator) -> Callable[[Tensor], Tensor]:
    """Its approximate inverse of A; `InvalidOption` where a user's own is no function of residuals (p, k)."""
    takes = "a preconditioner is a function of A that returns a function of residuals (p, k)"
    with given.own("the preconditioner that was given", takes):
        inverse = own(a)
    if not callable(inverse):
        raise InvalidOption(f"{takes}; given A, this one returned {said(inverse)}")

    def checked(r: Tensor) -> Tensor:
        with given.own(f"the preconditioner, given residuals {tuple(r.shape)},", takes):
            found = inverse(r)
        if not isinstance(found, Tensor) or found.shape != r.shape:
            raise InvalidOption(
                f"{takes} and leaves their shape {tuple(r.shape)}; this one returned {said(found)}"
            )
        return finite_columns(found.to(r), "preconditioned residual", "look at the preconditioner")

    return checked


def jacobi(a: SymmetricOperator) -> Callable[[Tensor], Tensor]:
    """r / diag A."""
    diagonal = a.dense().diagonal()
    if not bool((diagonal > 0).all()):
        raise refusal_of(f"A has a diagonal entry of {float(diagonal.min()):.3g}", a)
    return lambda r: r / diagonal[:, None]


def nystrom(rank: int, low: float, *, seed: int = 0) -> Preconditioner:
    """Randomised Nystroem of rank `rank`; `low` > 0 is the part of A that is a multiple of I.

    That is outer_reg plus damping. Right for every rank; useful when rank exceeds the number of
    eigenvalues well above `low`. Deterministic by seed.
    """
    rank, seed = given.count(rank, "rank", 1), given.seed(seed)
    wish = "positive and finite (outer_reg + damping)", POSITIVE[1]
    low = real(low, "low", wish, InvalidOption)

    def make(a: SymmetricOperator) -> Callable[[Tensor], Tensor]:
        generator = torch.Generator().manual_seed(seed)
        shape = (a.size, min(rank, a.rank))
        test = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(a.like)
        test = torch.linalg.qr(a.off(test))[0]
        image = a @ test - low * test
        # a small shift makes the core positive definite in spite of rounding; it is taken off again
        shift = torch.finfo(image.dtype).eps ** 0.75 * float(torch.linalg.matrix_norm(image))
        image = image + shift * test
        core = test.T @ image
        values, vectors = torch.linalg.eigh(0.5 * (core + core.T))
        kept = values > 0  # negative ones: A - low I is not positive semi-definite there
        if not bool(kept.any()):  # nothing exceeds low: CG sees by itself whether A is definite
            return lambda r: r
        half = image @ (vectors[:, kept] / values[kept].sqrt())
        u, s, _ = torch.linalg.svd(half, full_matrices=False)
        found = (s.square() - shift).clamp(min=0)
        scale = (found.min() + low) / (found + low)

        def inverse(r: Tensor) -> Tensor:
            along = u.T @ r
            return r + u @ ((scale[:, None] - 1) * along)

        return inverse

    return make


def by(curvature: SymmetricOperator) -> Preconditioner:
    """The inverse of `curvature`, which must offer one (`curvature.ekfac(problem)` does)."""
    inverse = getattr(curvature, "inverse", None)
    if inverse is None:
        raise InvalidOption(f"{type(curvature).__name__} offers no inverse to precondition with")
    return lambda a: inverse
