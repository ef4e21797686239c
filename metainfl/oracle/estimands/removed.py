"""Whether there is a problem without a datum: a way of prototypes that loses its last shot leaves none."""

from __future__ import annotations

from metainfl.oracle.estimands.estimand import Known
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.perturbation import Perturbation, parts


def leaves_a_problem(known: Known, p: Perturbation) -> bool:
    """Whether the tasks that lose something can still be adapted; nothing is solved again."""
    at = known.solution
    try:
        weights = at.weights.without(p)
        for k in {m.task for m in parts(p)}:
            known.family.task(k, at.lam, weights)
    except InvalidProblem:
        return False
    return True
