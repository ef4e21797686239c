"""Scores at a point: exact at a minimiser, and a damped ranking where lam is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from metainfl.attribution.answer import Answer, Cost
from metainfl.curvature import exact
from metainfl.derive.problem import Problem
from metainfl.derive.stationary import tolerance_of
from metainfl.influence.removal import resolved, target_losses
from metainfl.influence.scores import scores
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.problem.undone import Undone, ended
from metainfl.problem.weights import weight
from metainfl.solve import CG, Dense, Solver
from metainfl.solve.refuse import refuse
from metainfl.solve.spectrum import lanczos

DENSE = 1500  # parameters up to which the Hessian is made
PRODUCTS = 30  # that the look at the spectrum costs
SHARE = 1e-2  # of the largest eigenvalue: damping of a ranking


class OfProblem:
    """Implicit influence at lam."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.residual = problem.residual(problem.lam)
        stationary = self.residual <= tolerance_of(problem.lam)
        operator = exact(problem)
        flat = 0 if operator.flat is None else operator.flat.shape[1]
        count = min(PRODUCTS, problem.n_meta - flat)
        started = time.perf_counter()
        seen = lanczos(operator, count)
        self.product = (time.perf_counter() - started) / count
        self.low, self.high, self.flat = float(seen.low), float(seen.high), flat
        if self.low == self.high == 0:
            raise refuse("the Hessian is zero", 0.0, 0.0, 0.0)
        self.exact = stationary and self.low > 0
        self.damping = 0.0 if self.exact else max(-2 * self.low, SHARE * self.high)
        self.solver: Solver = Dense() if problem.n_meta <= DENSE else CG()
        name = type(self.solver).__name__
        self.estimator = (
            f"task-IF and instance-IF at the minimiser ({name})"
            if self.exact
            else f"damped task-IF and instance-IF at lam ({name}, damping {self.damping:.2g})"
        )

    def why(self) -> str:
        """Why this estimator."""
        if self.exact:
            return (
                "lam is a stationary point and the Hessian there is definite, so the implicit derivative "
                "is exact; a removal is predicted to first order"
            )
        point = (
            "no stationary point"
            if self.residual > tolerance_of(self.problem.lam)
            else "no minimum"
        )
        return (
            f"lam is {point}, where the implicit derivative is that of nothing: damped, it is a ranking and "
            "no prediction, and no removal can confirm it. A training run has an exact answer: give a "
            "metainfl.training.Recipe beside the problem (return problem, recipe, targets), which trains a "
            "last phase from this lam"
        )

    def facts(self) -> dict[str, str]:
        """What was looked at."""
        flat = f", off {self.flat} flat directions" if self.flat else ""
        return {
            "problem": repr(self.problem),
            "stationary": f"gradient {self.residual:.1e} of the size of its terms",
            "definite": f"eigenvalues of the Hessian from about {self.low:.2g} to {self.high:.2g}{flat} "
            f"(Lanczos, {PRODUCTS} products at most)",
        }

    def predicted(self, targets: Tasks, asked: Sequence[Perturbation]) -> Cost:
        """From the products that the look at the spectrum cost."""
        p = self.problem.n_meta
        dense = isinstance(self.solver, Dense)
        low = max(self.low + self.damping, 1e-12 * self.high)
        steps = p if dense else min(p, 20 * (self.high / low) ** 0.5) * targets.n_tasks
        return Cost(scores=self.product * (steps + PRODUCTS), rerun=self.product * 6 * p)

    def scores(self, targets: Tasks, asked: Sequence[Perturbation], progress: bool) -> Answer:
        """Minus weight times derivative (n, m): the change of each target's loss by each removal."""
        problem = self.problem
        found = scores(
            problem,
            asked,
            targets,
            solver=self.solver,
            damping=self.damping,
            allow_nonstationary=not self.exact,
        )
        w = problem.lam.new_tensor([weight(problem.tasks, parts(p)[0]) for p in asked])
        return Answer(-w[:, None] * found.value, None, "")

    def removed(
        self,
        targets: Tasks,
        what: Sequence[Perturbation],
        *,
        jobs: int,
        store: Path | None,
        progress: bool,
    ) -> list[Tensor | Undone]:
        """Change of the targets' losses (m,) by each removal, solved again from lam; or why there is none."""

        def change(p: Perturbation) -> Tensor:
            return target_losses(self.problem, resolved(self.problem, [p]), targets)[0]

        return [ended(change, p) for p in what]
