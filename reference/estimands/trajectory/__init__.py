"""Training runs: the exact answer where no minimiser exists.

A run is a deterministic program: a start, an optimiser, batches. With weights w, u, v of tasks,
support and query instances, and D_i the total gradient of task i's query loss,
    g_t     = (1/|B_t|) sum_{i in B_t} w_i D_i(lam_t; u_i, v_i) + d_out lam_t
    s_{t+1} = U_t(s_t, g_t)                              s = lam and the optimiser's moments
(the sum over the batch, where the recipe says so; and g_t may be clipped by its norm).
What it ends in, lam_S, is a smooth function of the weights:
    tangent  d lam_S/d pi for one weight (HyDRA in full, 003 eqs 57-61, 79)
    adjoint  D L_t . d lam_S/d pi for every weight at once (SGD-influence, 003 section 5.2.2.3)
    removal  the same program with the weight at 0
"""

from metainfl_reference.estimands.trajectory.adjoint import Slopes, adjoint
from metainfl_reference.estimands.trajectory.recipe import Recipe
from metainfl_reference.estimands.trajectory.replay import removal, replay
from metainfl_reference.estimands.trajectory.run import Run, run
from metainfl_reference.estimands.trajectory.state import State
from metainfl_reference.estimands.trajectory.tangent import tangent
from metainfl_reference.estimands.trajectory.tracin import ideal_tracin, tracin

__all__ = [
    "Recipe",
    "Run",
    "Slopes",
    "State",
    "adjoint",
    "ideal_tracin",
    "removal",
    "replay",
    "run",
    "tangent",
    "tracin",
]
