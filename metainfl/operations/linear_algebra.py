"""Linear algebra whose torch derivative is wrong without a word, by operations whose derivative is right.

torch 2.14: solves with an LU factorisation and determinants are wrong by orders of magnitude in forward
mode where vectors are batched inside tasks; `cholesky_inverse` and `triangular_solve` differentiate the
triangle that they do not read; products of reflections are differentiated as if tau were 2 / |v|^2.
Inverses, QR and triangular solves are right in every order and batching, and everything here is made
of them.

    solve                x = A^{-1} b, one step of refinement        log|det A|   sum log |diag R|, A = Q R
    cholesky_inverse     L^{-T} L^{-1}                               householder  product of I - tau v v'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem
from metainfl.operations.arguments import need, square


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Any = None) -> Tensor:
    """X with A X = B, or X A = B; B is a vector where torch takes it for one."""
    _not_into(out)
    if B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]):
        return solve(A, B.unsqueeze(-1)).squeeze(-1)
    if not left:
        return solve(A.mT, B.mT).mT
    inverse = torch.linalg.inv(A)
    x = inverse @ B
    return x + inverse @ (B - A @ x)


class Solved(NamedTuple):
    """What torch's solve_ex returns."""

    result: Tensor
    info: Tensor


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """The same with torch's word that it went well: a singular matrix raises here."""
    x = solve(A, B, left=left, out=out)
    return Solved(x, x.new_zeros(A.shape[:-2], dtype=torch.int32))


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None, *, out: Any = None) -> Any:
    """X with tensordot(A, X, X.ndim) = B."""
    _not_into(out)
    if dims is not None:
        kept = [d for d in range(A.ndim) if d not in {e % A.ndim for e in dims}]
        A = A.permute(*kept, *dims)
    shape = A.shape[B.ndim :]
    return solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(shape)


def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Any = None,
) -> Tensor:
    """X with A X = B (A' X = B, X A = B) for A = P L U."""
    _not_into(out)
    if not left:
        return lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    p, low, up = torch.lu_unpack(LU, pivots)
    back = torch.linalg.solve_triangular
    if adjoint:
        y = back(up.mH, B, upper=False)
        return p @ back(low.mH, y, upper=True, unitriangular=True)
    return back(up, back(low, p.mT @ B, upper=False, unitriangular=True), upper=True)


def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """X with A X = b from one triangle of A, and A."""
    _not_into(out)
    x = torch.linalg.solve_triangular(
        A.mT if transpose else A, b, upper=upper != transpose, unitriangular=unitriangular
    )
    return torch.return_types.triangular_solve((x, A.clone()))


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """(L L')^{-1}, or (U' U)^{-1}, from one triangle."""
    _not_into(out)
    square(L, "cholesky_inverse")
    eye = torch.eye(L.shape[-1], dtype=L.dtype, device=L.device)
    inverse = torch.linalg.solve_triangular(L, eye.expand(L.shape), upper=upper)
    return inverse @ inverse.mH if upper else inverse.mH @ inverse


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """Sign and log |det A|: a singular A has no derivative here."""
    _not_into(out)
    _real(A, "slogdet")
    square(A, "slogdet")
    known = torch.linalg.slogdet(A.detach())
    size = torch.linalg.qr(A).R.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
    size = torch.where(known[0] == 0, known[1], size)  # -inf, which QR's rounding is not
    return type(known)((known[0], size))


def det(A: Tensor, *, out: Any = None) -> Tensor:
    """det A, from its entries up to 3 x 3, so that a singular matrix has its derivative there."""
    _not_into(out)
    _real(A, "det")
    square(A, "det")
    n = A.shape[-1]
    if n == 0:
        return A.new_ones(A.shape[:-2])
    if n == 1:
        return A[..., 0, 0]
    if n <= 3:
        first, rest = A[..., 0, :], A[..., 1:, :]
        minors = [
            det(torch.cat([rest[..., :j], rest[..., j + 1 :]], dim=-1)) * (-1) ** j
            for j in range(n)
        ]
        return (first * torch.stack(minors, dim=-1)).sum(-1)
    sign, size = slogdet(A)
    return sign * size.exp()


def logdet(A: Tensor) -> Tensor:
    """log det A; NaN where it is negative and -inf where A is singular, as in torch."""
    square(A, "logdet")
    sign, size = slogdet(A)
    return torch.where(sign >= 0, size, torch.nan)


def householder_product(A: Tensor, tau: Tensor, *, out: Any = None) -> Tensor:
    """The first columns of (I - tau_1 v_1 v_1') (I - tau_2 v_2 v_2') ..., v_i from below A's diagonal."""
    _not_into(out)
    need(A.ndim >= 2, "householder_product", "matrices (..., m, n)", tuple(A.shape))
    m, n = A.shape[-2:]
    said = f"{tuple(A.shape)} and {tuple(tau.shape)}"
    need(
        m >= n >= tau.shape[-1],
        "householder_product",
        "(..., m, n) and tau (..., k), m >= n >= k",
        said,
    )
    q = torch.eye(m, n, dtype=A.dtype, device=A.device).expand(A.shape)
    place = torch.arange(m, device=A.device)
    for i in reversed(range(tau.shape[-1])):
        v = (A[..., i] * (place > i) + (place == i).to(A.dtype)).unsqueeze(-1)
        q = q - tau[..., i, None, None] * v @ (v.mH @ q)
    return q


def _not_into(out: Any) -> None:
    if out is not None:
        raise InvalidProblem(
            "the model writes a result of linear algebra into a tensor of its own (out=...), which has "
            "no derivative; leave out= away"
        )


def _real(A: Tensor, name: str) -> None:
    if A.is_complex():
        raise InvalidProblem(
            f"the model takes {name} of a complex matrix, whose derivative torch gets wrong in batched "
            "forward mode; write it as a real matrix of twice the size"
        )


#: functions of torch that are also methods
BOTH: dict[str, Callable[..., Any]] = {
    "triangular_solve": triangular_solve,
    "cholesky_inverse": cholesky_inverse,
    "slogdet": slogdet,
    "det": det,
    "logdet": logdet,
    "orgqr": householder_product,
}
LINEAR_ALGEBRA: dict[Any, Callable[..., Any]] = {
    torch.linalg.solve: solve,
    torch.linalg.solve_ex: solve_ex,
    torch.linalg.tensorsolve: tensorsolve,
    torch.linalg.lu_solve: lu_solve,
    torch.lu_solve: lambda b, LU, pivots, *, out=None: lu_solve(LU, pivots, b, out=out),
    Tensor.lu_solve: lambda b, LU, pivots: lu_solve(LU, pivots, b),
    torch.linalg.slogdet: slogdet,
    torch.linalg.det: det,
    torch.linalg.householder_product: householder_product,
    **{getattr(of, name): ours for name, ours in BOTH.items() for of in (torch, Tensor)},
}
