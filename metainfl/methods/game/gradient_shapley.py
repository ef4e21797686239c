"""Gradient-Shapley (003, section 4.3.3; Ghorbani and Zou 2019): Shapley after one gradient step.

    v(S) = -L_t(lam_0 - rate grad F_S(lam_0)),      phi = Shapley(v)
Estimand: the Shapley value of that game, not of the trained one; here one step on all of S together, as the
survey has it, so v is a function of S and can be enumerated (Ghorbani and Zou step on one datum after the
other, where the order counts). Sign: positive = the data helped. Scale: that of the loss; for small rates
proportional to rate, phi_i = rate w_i g_t . g_i + O(rate^2), which is TracIn's term. Cost: one gradient a
subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.games.estimate import Estimate
from metainfl.games.one_step import one_step
from metainfl.games.stop import Stop
from metainfl.games.target import Target
from metainfl.methods.game.shapley_exact import shapley
from metainfl.methods.game.shapley_permutations import shapley_permutations
from metainfl.problem import Perturbation


def gradient_shapley(
    problem: Problem,
    target: Target,
    rate: float,
    players: Sequence[Perturbation] | None = None,
    *,
    start: Tensor | None = None,
    samples: int | None = None,
    seed: int = 0,
    stop: Stop | None = None,
    **options: Any,
) -> Estimate:
    """Phi (n,) or (n, targets): exact by 2^n gradients, or from `samples` orders.

    lam_0 is `start`, or problem.lam; `options` are those of `metainfl.games.Utility`.
    """
    game = one_step(problem, target, rate, players, start=start, **options)
    if samples is None and stop is None:
        return shapley(game)
    return shapley_permutations(game, samples=samples, seed=seed, stop=stop)
