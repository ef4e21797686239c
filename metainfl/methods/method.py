"""A method of the literature: a choice of three parts, with what it claims about the result.

    derivative    how d theta/d lam is had: exact, ignored, or with another inner inverse
    curvature     what stands for H
    solver        how the system is solved
It is callable as `method(problem, perturbations) -> (n, p)`: all that the oracle asks of anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Unpack

from torch import Tensor

from metainfl.adaptation import Adaptation
from metainfl.curvature import Curvature, SymmetricOperator, exact
from metainfl.derive.problem import Problem
from metainfl.influence.how import How
from metainfl.influence.implicit import Influence, influence
from metainfl.influence.options import require_options
from metainfl.methods.claim import Claim
from metainfl.problem.perturbation import Perturbation
from metainfl.solve import Solver

#: the adaptation whose derivatives are taken in place of the problem's own
Derivative = Callable[[Adaptation], Adaptation]


def ignored(adaptation: Adaptation) -> Adaptation:
    """d theta/d lam = 0: partial derivatives (Direct-IF)."""
    return adaptation.frozen()


@dataclass(frozen=True)
class Method:
    """A named choice of parts and its claim; a solver of None is dense, off the known symmetry."""

    name: str
    source: str
    derivative: Derivative | None = None
    curvature: Curvature = exact
    solver: Solver | None = None
    claim: Claim = field(default_factory=Claim)
    damping: float = 0.0

    def run(
        self, problem: Problem, perturbations: Sequence[Perturbation], **how: Unpack[How]
    ) -> Influence:
        """The influence with the solve behind it; `how` overrides the method's own choices.

        lam is that of the problem as it is.
        """
        require_options(how)
        other = problem
        if self.derivative is not None:
            # what is left out of the derivative may have been what made a symmetry's directions flat
            other = problem.replaced(adaptation=self.derivative(problem.adaptation), symmetry=None)
        chosen = how.get("curvature", self.curvature)

        def curvature(_: Problem) -> SymmetricOperator:
            return chosen(other)

        own: How = {"solver": self.solver, "damping": self.damping, **how, "curvature": curvature}
        return influence(problem, perturbations, right_hand_side=other, **own)

    def __call__(
        self, problem: Problem, perturbations: Sequence[Perturbation], **how: Unpack[How]
    ) -> Tensor:
        """d lam*/d pi as this method has it (n, p)."""
        return self.run(problem, perturbations, **how).value
