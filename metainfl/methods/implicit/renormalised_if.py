"""Renormalised influence functions (Hammoudeh and Lowd 2022; 003, eq. 69): scores of unit gradients.

    value[pi, t] = - D L_t . H^{-1} c_pi / |c_pi|,     c_pi = d(grad F)/d pi
Eq. 69 divides by the training gradient only; the text above it says that both become unit vectors, which
is `both=True`. Estimand: the score of a datum whose gradient had length 1: the scale of its loss drops
out. Sign: negative = the data helped (eq. 69 prints minus this, and 1/n). Cost: one solve a target, and the
gradients of the data. A datum with a gradient of zero has no direction: `InvalidOption`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor

from metainfl.derive.cross import columns
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How, examined, solved_at_minimum
from metainfl.methods.claim import claims
from metainfl.methods.implicit.relatif import slopes, units
from metainfl.numbers import flag
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_targets
from metainfl.problem.steady import steadily


@claims(estimand="renormalised_score")
@steadily
def renormalised_if(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    both: bool = False,
    **how: Unpack[How],
) -> Tensor:
    """Scores (n, targets); `how` is described in `metainfl.influence.how`."""
    targets = require_targets(problem, targets)
    found = examined(problem, perturbations, targets, **how)
    c = units(columns(problem, perturbations), perturbations, "has a gradient of zero")
    g = slopes(problem, targets)
    if flag(both, "both", InvalidOption):
        size = g.norm(dim=1, keepdim=True)
        if not (size > 0).all():
            t = int((size[:, 0] == 0).nonzero()[0])
            raise InvalidOption(f"target {t} has a gradient of zero: no direction to normalise")
        g = g / size
    return -c @ solved_at_minimum(problem, found, g.T, **how).solution
