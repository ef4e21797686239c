"""The leading eigenpairs by Lanczos runs, and the inverse on them alone (Arnoldi-IF; see `truncated`)."""

from __future__ import annotations

from torch import Tensor

from metainfl.errors import InvalidOption, NotConverged
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
        note = more_than_asked(len(s.values), min(self.rank, a.rank))
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
