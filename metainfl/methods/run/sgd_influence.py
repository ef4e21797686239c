"""SGD-influence (Hara, Nitanda and Maehara 2019, eq. 6; 003, section 5.2.2.3): the adjoint of plain SGD.

    u_S = D L_t(lam_S),    u_s = (I - rate_s H_{B_s}(lam_s)) u_{s+1}
    value[pi, t] = - sum_s rate_s u_{s+1} . d(c_s grad L_{B_s}(lam_s))/d pi
with H_B of c_s times the batch's loss, outer_reg included. Estimand: d L_t(lam_S)/d pi, exact for gradient
descent without momentum, clipping or decoupled decay; the paper's estimate of a removal is minus this.
For other optimisers their state is forgotten: pass `as_if_plain=True` for the formula as it stands there.
Sign: negative = helped; scale: that of d L_t/d weight. Cost: a Hessian product a step and target.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.errors import InvalidRecipe
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.numbers import flag
from metainfl.problem.perturbation import KINDS, Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.optimisers import SGD
from metainfl.training.products import Products
from metainfl.training.run import Run


@claims(estimand="run_score", kinds=KINDS)
def sgd_influence(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    as_if_plain: bool = False,
) -> Tensor:
    """Derivatives (n, m). Raises `InvalidRecipe` where the run is no plain SGD, unless `as_if_plain`."""
    reading, program = Reading(run, perturbations, targets), run.program
    optimiser = program.recipe.optimiser
    plain = isinstance(optimiser, SGD) and not optimiser.momentum and not optimiser.decoupled
    if not (
        flag(as_if_plain, "as_if_plain", InvalidRecipe) or (plain and program.recipe.clip is None)
    ):
        raise InvalidRecipe(
            f"SGD-influence is the adjoint of plain gradient descent; this run took steps of {optimiser}"
            f"{'' if program.recipe.clip is None else ', clipped'}: run.scores is its adjoint; "
            "as_if_plain=True ignores what the optimiser carries"
        )
    coupled = getattr(optimiser, "weight_decay", 0.0) if plain else 0.0
    decay = program.problem.outer_reg + coupled
    u = reading.slopes(run.state.lam)
    for t, state in run.kept.backwards(run.done):
        bar = -program.rates[t] * u
        u = u + decay * bar
        along = {"lam": program.scale(t) * bar}
        batch = Products(program, t, state.lam, ("lam",), ("lam", *reading.names))
        u = u + batch.along(lambda stack, at, along=along: along, len(u), reading.sums)  # type: ignore[misc]
    return reading.value()
