"""Low-rank inverses: the k leading eigenpairs (Arnoldi-IF), or all above a threshold (002, eq. 12).

    X = U S^{-1} U' B over the kept eigenpairs.
What is dropped is dropped: the result is the truncated pseudo-inverse, exact on the kept subspace, and
its `error` is the share of B outside of it, not a distance from the full solution. A cut never goes
through a cluster of equal eigenvalues, whose eigenvectors rounding would choose: the cluster is kept
whole, `kept` counts what was kept, and `note` says why it is more than asked.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.errors import InvalidOption, NotConverged
from metainfl.solve.dense import eigen
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor, refuse
from metainfl.solve.result import SolveResult, relative_residual
from metainfl.solve.spectrum import cut, leading, same


class Lanczos(Factoring):
    """The `rank` largest eigenpairs, copies of an eigenvalue counted, by Lanczos runs of `steps` products.

    `steps` defaults to three times the rank, plus 10. Pairs whose residual exceeds `rtol` times the
    largest eigenvalue raise `NotConverged` unless `allow_unconverged`; the result says which it was.
    """

    def __init__(
        self,
        rank: int,
        *,
        steps: int | None = None,
        rtol: float = 1e-3,
        allow_unconverged: bool = False,
    ) -> None:
        if rank < 1:
            raise InvalidOption(f"rank must be at least 1, got {rank}")
        if steps is not None and steps < rank:
            raise InvalidOption(f"{rank} pairs need at least as many steps, got {steps}")
        if not 0 < rtol < 1:
            raise InvalidOption(f"rtol lies between 0 and 1, got {rtol}")
        self.rank, self.steps, self.rtol = rank, steps or 3 * rank + 10, rtol
        self.allow_unconverged = allow_unconverged

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The pairs."""
        s = leading(a, self.rank, self.steps)
        worst = float((s.residuals / s.values.abs().max().clamp(min=1e-300)).max())
        good = s.whole or worst <= self.rtol
        note = _more(len(s.values), min(self.rank, a.rank))
        solve = truncated(a, s.values, s.vectors, note, good)

        def checked(b: Tensor) -> SolveResult:
            result = solve(b)
            if not good and not self.allow_unconverged:
                raise NotConverged(
                    f"Lanczos found its {len(s.values)} leading pairs to a residual of {worst:.2g} of the "
                    f"largest eigenvalue (wanted {self.rtol:.1g}); raise steps ({self.steps}), or pass "
                    "allow_unconverged=True",
                    result,
                )
            return result

        return checked


class PseudoInverse(Factoring):
    """Eigenvalues of at least `rtol` times the largest, or the `keep` largest; dense.

    Negative eigenvalues are dropped with the small ones (002, section 5.1).
    """

    def __init__(self, *, rtol: float | None = None, keep: int | None = None) -> None:
        if (rtol is None) == (keep is None):
            raise InvalidOption("give either rtol or keep")
        if keep is not None and keep < 1:
            raise InvalidOption(f"keep must be at least 1, got {keep}")
        if rtol is not None and not 0 <= rtol <= 1:
            raise InvalidOption(f"rtol lies between 0 and 1, got {rtol}")
        self.rtol, self.keep = rtol, keep

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The kept eigenpairs."""
        values, vectors = eigen(a)
        if self.keep is not None:
            asked = self.keep
        else:
            least = max(float(self.rtol or 0), floor(a)) * float(values[-1])
            asked = int((values >= least).sum())
        if float(values[-1]) <= 0:
            asked = max(asked, 1)
        asked = min(asked, len(values))
        first = cut(values, asked)
        if (
            self.keep is None and float(values[-1]) > 0
        ):  # a cluster at the threshold may reach below 0
            first = max(first, int((values <= floor(a) * float(values[-1])).sum()))
        note = _more(len(values) - first, asked)
        return truncated(a, values[first:], vectors[:, first:], note, True)


def _more(kept: int, asked: int) -> str:
    if kept <= asked:
        return ""
    return f"kept {kept} eigenpairs for {asked}: the cut would have gone through equal eigenvalues"


def truncated(
    a: SymmetricOperator,
    values: Tensor,
    vectors: Tensor,
    note: str,
    converged: bool,
) -> Solve:
    """U S^{-1} U' B; raises where a kept eigenvalue is not positive."""
    low, high = float(values[0]), float(values[-1])
    if low <= floor(a) * high:
        safe = int((values > max(floor(a) * high, same(values))).sum())
        what = (
            f"a kept eigenvalue is not positive (keep at most {safe})"
            if safe
            else "nothing to keep"
        )
        raise refuse(what, low, high, torch.finfo(values.dtype).eps)

    def solve(b: Tensor) -> SolveResult:
        inside = vectors.T @ b
        x = vectors @ (inside / values[:, None])
        outside = float(((b - vectors @ inside).norm() / b.norm()) if float(b.norm()) else 0.0)
        residual = relative_residual(a, x, b)
        return SolveResult(x, residual, outside, 1, a.products, converged, len(values), note)

    return solve
