"""The methods of the table: name -> how a run's tasks are scored, (T, m), sign of `run.scores`."""

from __future__ import annotations

from functools import partial

import metainfl as mi
from metainfl.curvature import ekfac, exact
from metainfl.errors import InvalidOption
from metainfl.methods import run as methods
from metainfl.solve import CG, Dense
from metainfl.solve.spectrum import lanczos
from metainfl.training.descended import mean_share, objective
from metainfl.training.steps import step_scale

LARGEST = 2000
PRODUCTS = 20


def derivative(run, pis, targets):
    """The run's own derivative, by the adjoint."""
    return run.scores(targets, pis).value


def damping(run):
    """1/(what the run's steps add up to, in units of the gradient), and twice what a saddle needs.

    The first is what the run could not reach; the second, in units of the mean objective, makes the
    Hessian at its end definite, which no minimiser would ask for.
    """
    scale = step_scale(run, [run.done - 1]).mean()
    share = mean_share(run, 0, run.done)
    low = share * lanczos(exact(objective(run)), PRODUCTS).low
    return float(1 / (sum(run.program.rates[: run.done]) * scale)) + 2 * max(0.0, -low)


def damped(run, pis, targets, **own):
    """task-IF at the last state, damped."""
    solver = CG(rtol=1e-3)
    return methods.task_if_at_end(run, pis, targets, damping=damping(run), solver=solver, **own)


def undamped(run, pis, targets):
    """The formula without damping, computed without any approximation at what is no minimum."""
    if run.program.problem.n_meta > LARGEST:
        raise InvalidOption(f"a dense Hessian above {LARGEST} parameters is left out here")
    return methods.task_if_at_end(run, pis, targets, solver=Dense(definite=False))


def by_factors(run, pis, targets):
    """The same damping over EK-FAC of the network as it is before it adapts: the factors know one level."""

    def unadapted(problem):
        return ekfac(problem.replaced(adaptation=mi.NoAdaptation()))

    return methods.task_if_at_end(run, pis, targets, damping=damping(run), curvature=unadapted)


METHODS = {
    "derivative of the run": derivative,
    "SOURCE": partial(methods.source, checkpoints=1, rtol=0.01),
    "HyDRA-fast": methods.hydra_fast,
    "TracIn": methods.tracin,
    "TracInCP": methods.tracin_cp,
    "TracIn-Last": methods.tracin_last,
    "TracInRP": methods.tracin_rp,
    "task-IF, damped": damped,
    "task-IF, undamped": undamped,
    "task-IF, EK-FAC": by_factors,
    "gradient dot product": methods.gradient_dot,
    "training loss": methods.training_loss,
    "gradient norm": methods.gradient_norm,
}
