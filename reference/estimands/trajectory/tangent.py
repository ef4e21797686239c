"""Forwards through the run: what one weight does to every state.

    ds_0 = 0,    dg_t = H_{B_t} d lam_t + d g_t/d pi,    ds_{t+1} = dU_t(ds_t, dg_t)
HyDRA with Hessians (003, eqs 57-61, 79), for any optimiser and any weight or input shift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl_reference.answer import Answer, beside
from metainfl_reference.estimands.trajectory import step
from metainfl_reference.estimands.trajectory.run import Run
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.perturbation import Perturbation

Array = np.ndarray


def tangent(of: Run, perturbations: Sequence[Perturbation]) -> Answer:
    """d lam_S/d pi, one row a perturbation (n, p), at the weights of the run; a bound a row."""
    value = _forwards(of, perturbations)
    return Answer(value, lambda: beside(value, _forwards(of.wide, perturbations), rows=True))


def _forwards(of: Run, perturbations: Sequence[Perturbation]) -> Array:
    zero = np.zeros((of.family.n_meta, len(perturbations)), of.states[0].lam.dtype)
    ds = State(zero, zero, zero)
    for t, rate in enumerate(of.recipe.rates):
        batch = of.batch(t)
        dg = batch.hessian() @ ds.lam + batch.along(perturbations)
        ds = step.push(of.recipe, rate, of.states[t], batch.gradient(), ds, dg)
    return ds.lam.T
