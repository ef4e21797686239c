"""Pseudo-inverses that keep the large eigenvalues: of a matrix (002, eq. 12), and of V V' by its columns."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.solve import given
from metainfl.solve.dense import eigen
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.refuse import floor
from metainfl.solve.spectrum import cut
from metainfl.solve.truncated import more_than_asked, truncated


class PseudoInverse(Factoring):
    """Eigenvalues of at least `rtol` times the largest, or the `keep` largest; dense.

    Negative eigenvalues are dropped with the small ones (002, section 5.1).
    """

    rtol: float | None
    keep: int | None
    options: ClassVar = {
        "rtol": lambda v: v if v is None else given.share(v, "rtol", zero=True, one=True),
        "keep": lambda v: given.count_or_none(v, "keep", 1),
    }

    def __init__(self, *, rtol: float | None = None, keep: int | None = None) -> None:
        self.rtol, self.keep = rtol, keep
        self._require_one()

    def _require_one(self) -> None:
        if (self.rtol is None) == (self.keep is None):
            raise InvalidOption(
                f"give either rtol or keep, the other None; got rtol {self.rtol} and keep {self.keep}"
            )

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The kept eigenpairs."""
        self._require_one()
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
        note = more_than_asked(len(values) - first, asked)
        return truncated(a, values[first:], vectors[:, first:], note, True)


def pseudo_inverse(v: Tensor, b: Tensor) -> Tensor:
    """(V V')^+ B = sum_i v_i v_i' B / |v_i|^4 for orthogonal columns v_i (p, m)."""
    size = v.norm(dim=0)
    u = v / size
    return u @ ((u.T @ b) / size.square()[:, None])
