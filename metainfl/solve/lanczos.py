"""The leading eigenpairs by Lanczos runs, and the inverse on them alone (Arnoldi-IF; see `truncated`)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from metainfl.errors import InvalidOption, NotConverged
from metainfl.solve import given
from metainfl.solve.inverse import Factoring, Solve
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.result import SolveResult
from metainfl.solve.spectrum import leading
from metainfl.solve.truncated import more_than_asked, truncated


class Lanczos(Factoring):
    """The `rank` largest eigenpairs, copies of an eigenvalue counted, by Lanczos runs of `steps` products.

    `steps` defaults to three times the rank, plus 10. Pairs whose residual exceeds `rtol` times the
    largest eigenvalue raise `NotConverged` unless `allow_unconverged`; the result says which it was.
    """

    rank: int
    steps: int | None
    rtol: float
    allow_unconverged: bool
    options: ClassVar = {
        "rank": lambda v: given.count(v, "rank", 1),
        "steps": lambda v: given.count_or_none(v, "steps", 1),
        "rtol": lambda v: given.share(v, "rtol"),
        "allow_unconverged": lambda v: given.yes_or_no(v, "allow_unconverged"),
    }

    def __init__(
        self,
        rank: int,
        *,
        steps: int | None = None,
        rtol: float = 1e-3,
        allow_unconverged: bool = False,
    ) -> None:
        self.rank, self.steps, self.rtol = rank, steps, rtol
        self.allow_unconverged = allow_unconverged
        self._products()

    def _products(self) -> int:
        """How many products each run takes."""
        if self.steps is not None and self.steps < self.rank:
            raise InvalidOption(f"{self.rank} pairs need at least as many steps, got {self.steps}")
        return self.steps or 3 * self.rank + 10

    def prepared(self, a: SymmetricOperator) -> Solve:
        """The pairs."""
        steps = self._products()
        s = leading(a, self.rank, steps)
        worst = float((s.residuals / s.values.abs().max().clamp(min=1e-300)).max())
        good = s.whole or worst <= self.rtol
        note = more_than_asked(len(s.values), min(self.rank, a.rank))
        solve = truncated(a, s.values, s.vectors, note, good)

        def checked(b: Tensor) -> SolveResult:
            result = solve(b)
            if not good and not self.allow_unconverged:
                raise NotConverged(
                    f"Lanczos found its {len(s.values)} leading pairs to a residual of {worst:.2g} of the "
                    f"largest eigenvalue (wanted {self.rtol:.1g}); raise steps ({steps}), or pass "
                    "allow_unconverged=True",
                    result,
                )
            return result

        return checked
