"""(V V' + d I)^{-1} B in the number of columns, for fewer residuals than parameters; nothing is (p, p)."""

from __future__ import annotations

from torch import Tensor

from metainfl.errors import SingularHessian
from metainfl.solve.buffer import orthogonal


def woodbury(v: Tensor, d: float, b: Tensor) -> Tensor:
    """(V V' + d I)^{-1} B = U (S + d)^{-1} U' B + (B - U U' B) / d with V V' = U S U'; V (p, m), B (p, k)."""
    if not d > 0:
        raise SingularHessian(f"Woodbury needs d > 0, got {d}; use pseudo_inverse for d = 0")
    v = orthogonal(v)
    size = v.norm(dim=0)
    u = v / size
    along = u.T @ b
    rest = b - u @ along
    rest = rest - u @ (u.T @ rest)  # what is left of B is divided by a small d: rounding with it
    return u @ (along / (size.square() + d)[:, None]) + rest / d
