"""Which solver, how long, how much damping: from the spectrum of a user's own problem.

Lengths and errors come from `metainfl.advice.bounds`, which the property tests hold every method to: with
k = high / low after damping, in Hessian products and for a relative error e in the solution,
    dense      p                                        (up to `DENSE` parameters)
    CG         sqrt(k)/2 ln(2 sqrt(k) / e)
    Neumann    ln(e) / ln(1 - 1/k),  scale 1/high
`options` holds the error of each at that length, damping and EK-FAC beside them. The spectrum's ends come
from Lanczos; the lower end is outer_reg where H - outer_reg I shows no negative eigenvalue, else the Ritz
value, which errs upwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from metainfl.advice.advice import STATIONARY, Advice
from metainfl.advice.bounds import curvature, krylov, precision, series
from metainfl.advice.bounds import damping as damping_of
from metainfl.advice.kronecker import Kept, kept
from metainfl.curvature import exact
from metainfl.derive.differences import derivative_errors
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.derive.symmetry import find
from metainfl.errors import InvalidOption
from metainfl.influence.how import apply_inverse
from metainfl.numbers import BELOW_ONE, STAGES, flag, function, real, whole
from metainfl.problem.asked import require_problem
from metainfl.solve import CG, Dense, Solver
from metainfl.solve.refuse import refuse
from metainfl.solve.spectrum import lanczos

Progress = Callable[[int, int, str], None]
DENSE = 2000  # p products and p^3/3 operations: seconds
FLAT = 1e-6  # of the largest eigenvalue: below, a symmetry is looked for


def advise(
    problem: Problem,
    wanted: float = 1e-2,
    *,
    steps: int = 40,
    measure: bool = False,
    progress: Progress = lambda done, total, what: None,
) -> Advice:
    """Recommend a solver for a relative error of `wanted`; `measure` checks it on one target vector.

    `progress(stages done, stages, next one)` is told before each stage, of a far from stationary lam at
    the first occasion.
    """
    require_problem(problem)
    wanted = real(wanted, "the wanted error", BELOW_ONE, InvalidOption)
    steps = whole(steps, "the steps of Lanczos", 1, error=InvalidOption)
    measure = flag(measure, "measure", InvalidOption)
    function(progress, "progress", STAGES, InvalidOption)
    eps = torch.finfo(problem.lam.dtype).eps
    if wanted < eps:
        raise InvalidOption(
            f"an error of {wanted:g} is below what {problem.lam.dtype} rounds at ({eps:.1g}), and no solver "
            "reaches it; ask for more"
        )
    stages = 4 + measure
    progress(0, stages, "the model and one gradient")
    preflight(problem, problem.tasks)
    residual = problem.residual(problem.lam)
    far = f" (lam is far from stationary: relative gradient {residual:.1e})"
    far = far if residual > STATIONARY else ""
    progress(1, stages, f"the spectrum, {min(steps, problem.n_meta)} products{far}")
    s = lanczos(exact(problem), steps)
    if s.low == s.high == 0:
        raise refuse("the Hessian is zero", 0.0, 0.0, 0.0)
    problem, flat = _off_flat(problem, s.low, s.high)
    if flat:
        s = lanczos(exact(problem), steps)
    reg = float(torch.as_tensor(problem.outer_reg, device="cpu").min())
    low = s.low if s.whole or not reg else min(s.low, reg)
    floor = math.sqrt(torch.finfo(problem.lam.dtype).eps) * max(
        s.high, -low
    )  # high may be negative too
    damping = 0.0 if low > floor else floor - min(low, 0.0)
    k = (s.high + damping) / (low + damping)
    iterations = min(krylov.iterations_for(k, wanted), problem.n_meta)
    terms = series.terms_for(k, wanted)
    dense = problem.n_meta <= DENSE
    name = "dense" if dense else f"CG(rtol={wanted / k:.1g}) with damping {damping:.3g}"
    solver: Solver = Dense() if dense else CG(rtol=max(wanted / k, 1e-12))
    progress(2, stages, f"EK-FAC against the Hessian{far}")
    kronecker = kept(problem, steps)
    options = _options(problem, (low, s.high), damping, iterations, terms, kronecker)
    progress(3, stages, f"derivatives against differences{far}")
    derivatives = derivative_errors(problem)
    if measure:
        progress(4, stages, f"a solve to rounding{far}")
    measured = _measured(problem, solver, damping) if measure else None
    progress(stages, stages, "done")
    return Advice(
        parameters=problem.n_meta,
        residual=residual,
        low=low,
        high=s.high,
        damping=damping,
        wanted=wanted,
        solver=name,
        cg_iterations=iterations,
        neumann_scale=1 / (s.high + damping),
        neumann_terms=terms,
        predicted=options["dense"] if dense else krylov.relative(wanted / k, k),
        measured=measured,
        kronecker_residual=None if kronecker is None else kronecker.residual,
        derivatives=derivatives,
        plan=str(problem.plan),
        options=options,
        flat=flat,
    )


def _off_flat(problem: Problem, low: float, high: float) -> tuple[Problem, str]:
    """The problem with the symmetry that makes its Hessian singular, where one is found, and its words."""
    if problem.symmetry is not None or not abs(low) <= FLAT * abs(high):
        return problem, ""
    found = find(problem)
    if found is None:
        return problem, ""
    words = f"{found.directions} directions (turns of {', '.join(found.names)}) in which F does not change"
    return problem.replaced(symmetry=found), words


def _measured(problem: Problem, solver: Solver, damping: float) -> float:
    """Error of the recommended solve of one meta-gradient, against CG to rounding."""
    b = problem.task_gradients(problem.lam, problem.tasks.select([0])).T
    found = apply_inverse(problem, b, solver=solver, damping=damping).solution
    tight = CG(rtol=8 * torch.finfo(b.dtype).eps, allow_unconverged=True)
    want = apply_inverse(problem, b, solver=tight, damping=damping).solution
    return float((found - want).norm() / want.norm())


def _options(
    problem: Problem,
    ends: tuple[float, float],
    damping: float,
    iterations: int,
    terms: int,
    kronecker: Kept | None,
) -> dict[str, float]:
    """The relative error of each at most, in |C^{-1} b|; inf where nothing is promised.

    Of the solve alone: what float32 makes of lam and of the adaptation is not in it. A system of p
    unknowns is solved by p iterations of CG to rounding, whatever the rate says.
    """
    low, high = ends[0] + damping, ends[1] + damping
    k, p = high / low, problem.n_meta

    def rounding(dtype: torch.dtype) -> float:
        return precision.certain(torch.finfo(dtype).eps, k, 1.0, parameters=p)

    exact_ = rounding(problem.lam.dtype)
    out = {
        "dense": exact_,
        "float32": rounding(torch.float32),
        "CG": krylov.iterations(k, iterations, 1.0) if iterations < p else exact_,
        "Neumann": series.neumann(low, high, 1 / high, terms, 1.0),
        "damping": damping_of.relative(ends[0], damping),
    }
    if kronecker is not None:
        out["EK-FAC"] = curvature.relative(kronecker.gap, kronecker.low)
    return out
