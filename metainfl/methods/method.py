"""A method of the literature: a choice of three parts, with what it claims about the result.

    adaptation derivative   exact, or ignored (frozen)
    curvature               what stands for H
    solver                  how the system is solved
It is callable as `method(problem, perturbations) -> (n, p)`: all that the oracle asks of anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from metainfl.claim import Claim
from metainfl.curvature import Curvature, exact
from metainfl.influence import Influence, influence
from metainfl.problem import Problem
from metainfl.solve import Solver
from metainfl_reference.perturbation import Perturbation


@dataclass(frozen=True)
class Method:
    """A named choice of parts and its claim; a solver of None is dense, off the known symmetry."""

    name: str
    source: str
    curvature: Curvature = exact
    solver: Solver | None = None
    claim: Claim = field(default_factory=Claim)
    freeze_adaptation: bool = False
    damping: float = 0.0

    def run(self, problem: Problem, perturbations: Sequence[Perturbation]) -> Influence:
        """The influence with the solve behind it."""
        rhs = problem
        if self.freeze_adaptation:
            rhs = problem.replaced(adaptation=problem.adaptation.frozen())
        return influence(
            problem,
            perturbations,
            curvature=self.curvature,
            solver=self.solver,
            damping=self.damping,
            right_hand_side=rhs,
        )

    def __call__(self, problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
        """d lam*/d pi as this method has it (n, p)."""
        return self.run(problem, perturbations).value
