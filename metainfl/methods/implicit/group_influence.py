"""Group influence: the effect of removing several data together, to first and second order.

First order is the sum of the members' influences (002, eq. 9); the second order adds how they bend
one another (Basu et al. 2020; 003, section 5.1.1.3). Both return lam* without the group, one row a group.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.influence import removal
from metainfl.methods.claim import claims
from metainfl.problem.perturbation import Perturbation

KINDS = ("task", "support", "query", "group")


@claims(estimand="first_order", kinds=KINDS)
def first_order_group(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """lam* minus the sum of the members' influences (n, p)."""
    return removal.first_order(problem, perturbations)


@claims(estimand="second_order", kinds=KINDS, accuracy=1e-7)
def second_order_group(problem: Problem, perturbations: Sequence[Perturbation]) -> Tensor:
    """With the members' interaction (n, p). The claim leaves room for its central differences."""
    return removal.second_order(problem, perturbations)
