"""What the checks on one's own problem work with: method, claim, problem, and the time that is left."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, MetainflError
from metainfl.methods.claim import Claim
from metainfl.oracle.estimands import find
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.own.again import Again
from metainfl.oracle.own.budget import Budget
from metainfl.oracle.returned import Returned
from metainfl.oracle.runner import Runner, as_array
from metainfl.problem.every import all_instances, all_tasks
from metainfl.problem.perturbation import Perturbation, group, shift
from metainfl.problem.tasks import Tasks

Array = np.ndarray
KNOWN = ("derivative", "score", "removal")  # estimands that solving again gives
AT_ONCE, SOLVED = 24, {True: 3, False: 8}  # asked in one call; solved again, quick and not


class OwnContext(Budget):
    """One method on one problem, `targets` beside it where the estimand is of targets."""

    def __init__(
        self,
        problem: Problem,
        targets: Tasks | None,
        claim: Claim,
        runner: Runner,
        *,
        quick: bool,
        seed: int,
        seconds: float,
        minutes: float,
    ) -> None:
        self.problem, self.claim, self.runner = problem, claim, runner
        super().__init__(minutes)
        self.quick, self.seconds = quick, seconds
        self.estimand = find(claim.estimand)
        self.targets = (
            None if targets is None else targets.to(problem.lam.device, problem.lam.dtype)
        )
        self.again = Again(problem)
        drawn = self._drawn(np.random.default_rng(seed))
        self.pis = self._followed(drawn) if self.estimand.edit else drawn

    def _drawn(self, draw: np.random.Generator) -> list[Perturbation]:
        """Of each claimed kind as many, drawn."""
        tasks, claimed = (
            self.problem.tasks,
            [k for k in self.claim.kinds if k in self.estimand.kinds],
        )
        whole, instances = all_tasks(tasks), all_instances(tasks)
        some = [int(k) for k in draw.permutation(len(whole))]
        n = 3 if len(whole) > 3 else 2  # of a group, never of all tasks
        every: dict[str, list[Perturbation]] = {
            "task": whole,
            "support": [p for p in instances if p.kind == "support"],
            "query": [p for p in instances if p.kind == "query"],
            "group": [group(whole[k] for k in some[i : i + n]) for i in range(0, len(some) - n, n)],
        }
        for side in ("support", "query"):
            every[f"{side}_input"] = [] if len(tasks.groups()) > 1 else [
                shift(side, p.task, p.instance, a)
                for p in every[side]
                for a in [int(draw.integers(tasks.side(side, p.task)[0][p.instance].numel()))]
            ]  # fmt: skip
        kinds = [k for k in claimed if every[k]]
        self.unasked = [k for k in claimed if not every[k]]
        out: list[Perturbation] = []
        for k in kinds:
            many = min(len(every[k]), max(1, AT_ONCE // len(kinds)))
            out += [every[k][int(i)] for i in draw.choice(len(every[k]), many, replace=False)]
        if not out:
            raise InvalidOption(
                "nothing of the claimed kinds is in this problem; claim other kinds"
            )
        return out

    def _followed(self, drawn: list[Perturbation]) -> list[Perturbation]:
        """Those whose removal the minimiser can be followed through, as many as are solved again."""
        out: list[Perturbation] = []
        for p in drawn:
            if len(out) == SOLVED[self.quick] or not self.has_time:
                break
            with contextlib.suppress(MetainflError, Skipped), self.within():
                self.again.removed(p)
                out.append(p)
        if not out:
            raise InvalidOption(
                "the minimiser was followed through none of the removals that were tried: raise outer_reg, "
                "claim other kinds, or give more minutes"
            )
        return out

    @property
    def few(self) -> list[int]:
        """Places of those that are solved again: of each kind in turn."""
        kinds = list(dict.fromkeys(p.kind for p in self.pis))
        turns = [[i for i, p in enumerate(self.pis) if p.kind == k] for k in kinds]
        order = [t[j] for j in range(AT_ONCE) for t in turns if j < len(t)]
        return order[: max(SOLVED[self.quick], len(kinds))]

    def ask(self, pis: Sequence[Perturbation]) -> Array:
        """Rows in the estimand's own sign and scale; edits as shifts from lam."""
        width = self.problem.n_meta
        if self.estimand.per_target:
            assert self.targets is not None
            width = self.targets.n_tasks
        rows = as_array(self.raw(pis), (len(pis), width))
        if self.estimand.edit:
            rows = rows - self.problem.lam.double().cpu().numpy()
        return rows / self.claim.factor(self.problem.tasks.n_tasks)

    def raw(self, pis: Sequence[Perturbation]) -> Returned:
        """What the method returns of a problem that is its own, and what it does besides."""
        self.in_time()
        own = self.problem.replaced(lam=self.problem.lam.clone())
        extra: tuple[Any, ...] = (self.targets,) if self.estimand.per_target else ()
        return self.runner.call(own, pis, *extra, seconds=self.seconds)

    def off(self, rows: Array) -> Array:
        """Rows (n, p) off the known symmetry, of which solving again says nothing; of scores as they are."""
        if self.estimand.per_target:
            return rows
        return np.stack([self.again.off(torch.as_tensor(r).to(self.problem.lam)).double().cpu().numpy()
                         for r in rows])  # fmt: skip

    def of(self, moved: Tensor) -> Tensor:
        """Losses of the targets (m,) at lam plus this."""
        assert self.targets is not None
        return self.problem.losses(self.problem.lam + moved, self.targets)

    def allowed(self, error: float) -> tuple[float, str]:
        """Relative error that is let pass beside a truth of this error, and where it comes from."""
        eps = float(torch.finfo(self.problem.lam.dtype).eps) ** 0.5
        claimed = self.claim.accuracy if isinstance(self.claim.accuracy, float) else eps
        words = "claimed" if claimed > eps else "the root of eps, for solvers at their best"
        return min(1.0, claimed + 4 * error), f"{words}, and 4 times what solving again is off by"
