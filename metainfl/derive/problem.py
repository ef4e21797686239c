"""A bilevel problem with its derivatives, and its minimiser: what is asked, in one object."""

from __future__ import annotations

from torch import Tensor

from metainfl.derive.dense_newton import dense_newton
from metainfl.derive.derived import Derived
from metainfl.derive.minimise import Minimisation, Way, chosen, minimise
from metainfl.derive.preflight import look_at_start
from metainfl.derive.trust_region import trust_region
from metainfl.derive.watch import Show
from metainfl.problem.steady import of_steady_parts


class Problem(Derived):
    """A bilevel problem: its arguments are those of `Definition`.

    A few tasks are differentiated at a time, so memory does not grow with their number.
    """

    #: how far the last `solve` got, and why it stopped
    minimisation: Minimisation | None = None

    def own_start(self) -> Tensor | None:
        """Where an optimiser begins: lam where it is set, else the module's own parameters (p,), if any."""
        if self._lam is not None:
            return self._lam
        own = getattr(self.setting.model, "current", None)
        if own is None or self.n_meta != self.setting.model.n_params:
            return None
        found: Tensor = own()
        return found

    @of_steady_parts
    def solve(
        self,
        start: Tensor | None = None,
        *,
        way: Way = "auto",
        max_steps: int = 200,
        progress: bool | Show | None = None,
    ) -> Tensor:
        """A local minimiser of F from `start` (default: lam where set, else the module's parameters, else

        zeros); lam is set to it.

        `way` is "dense" (Newton with the Hessian as a matrix; up to a few hundred parameters) or
        "trust-region" (products only). `progress` shows one line on stderr: None on a terminal only, or a
        function of that line. `minimisation` then says how far it got and why it stopped. Raises
        `NotConverged` and `Interrupted` with the last iterate as `result`, from which `start` goes on, and
        `InvalidProblem` where the gradient of a user's own code is no derivative: a zero of it is no minimum.
        """
        if start is None:
            start = self.own_start()
        if start is None:
            start = self.tasks.like.new_zeros(self.n_meta)
        chosen_way, start = chosen(way, self.n_meta), self._checked(start)
        look_at_start(self, start)
        steps = dense_newton if chosen_way == "dense" else trust_region

        def keep(run: Minimisation) -> None:
            self.minimisation = run

        self.lam = minimise(
            self, start, steps, way=chosen_way, max_steps=max_steps,
            progress=progress, keep=keep,
        )  # fmt: skip
        return self.lam
