"""Paper 003, gradient-based estimators: indices, norms and costs as printed, and corrected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.estimands import trajectory
from metainfl_reference.estimands.trajectory import Recipe, Run
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import regression, small
from metainfl_reference.perturbation import task
from metainfl_reference.second_route import rerun
from metainfl_reference.solution import Solution

Array = np.ndarray
Inverse = Callable[[Array], Array]


def eq_38_as_printed(family: Family, at: Solution) -> Array:
    """sum grad L + lambda grad |theta| (lambda, not lambda/2, and no square) at the minimiser."""
    losses = family.gradient(at.lam) - family.d_out * at.lam
    return losses + family.d_out * at.lam / np.linalg.norm(at.lam)


def eq_38_corrected(family: Family, at: Solution) -> Array:
    """sum grad L + lambda theta: zero, as the minimiser of (lambda/2) |theta|^2 has it."""
    return family.gradient(at.lam)


def eq_75_as_printed(of: Run, k: int) -> Array:
    """H h^(t), the hypergradient of the step's own end: d_t = (I + eta H)^{-1} (d_{t-1} - eta g)."""
    return _unrolled(
        of, k, lambda h, eta, d, g: np.linalg.solve(np.eye(len(d)) + eta * h, d - eta * g)
    )


def eq_75_corrected(of: Run, k: int) -> Array:
    """H h^(t-1), as eq. 76 has it."""
    return trajectory.tangent(of, [task(k)]).value[0]


def eq_61_as_printed(of: Run, k: int) -> Array:
    """eta^(t) beside eta^(T): an unbound t, read as the step before the one that is taken."""
    earlier = (of.recipe.rates[0], *of.recipe.rates[:-1])
    other = Recipe(of.recipe.batches, earlier)
    d = np.zeros(of.family.n_meta)
    for t, rate in enumerate(other.rates):
        batch = of.batch(t)
        d = d - rate * (batch.hessian() @ d + batch.along([task(k)])[:, 0])
    return d


def _unrolled(of: Run, k: int, step: object) -> Array:
    d = np.zeros(of.family.n_meta)
    for t, rate in enumerate(of.recipe.rates):
        batch = of.batch(t)
        d = step(batch.hessian(), rate, d, batch.along([task(k)])[:, 0])  # type: ignore[operator]
    return d


def renormalised_as_printed(family: Family, at: Solution, target: int) -> Array:
    """Eq. 69: IF over the norm of the training gradient (T,)."""
    gradients = np.stack(
        [family.task(k, at.lam).gradient() for k in range(family.episodes.n_tasks)]
    )
    slope = family.target_gradient(targets(family.episodes)[target], at.lam)
    return gradients @ family.apply_inverse(at, slope) / np.linalg.norm(gradients, axis=1)


def renormalised_corrected(family: Family, at: Solution, target: int) -> Array:
    """Unit vectors on both sides, as the text above eq. 68 says."""
    slope = family.target_gradient(targets(family.episodes)[target], at.lam)
    return renormalised_as_printed(family, at, target) / np.linalg.norm(slope)


def influences(apply: Inverse, gradients: Array, slope: Array) -> Array:
    """IF of every training gradient on one target (T,): one solve, H^{-1} of the target's gradient."""
    return gradients @ apply(slope)


def relative_influences(apply: Inverse, gradients: Array, slope: Array) -> Array:
    """Eq. 66: over |H^{-1} g_i|, so one solve more for each training gradient."""
    sizes = np.array([np.linalg.norm(apply(g)) for g in gradients])
    return influences(apply, gradients, slope) / sizes


def _stationary() -> Measured:
    family = FAMILIES["single_ridge"](regression(0), d_out=2.0)
    at = family.solve()
    size = family.d_out * np.linalg.norm(at.lam)
    one, other = (
        float(np.linalg.norm(f(family, at)) / size) for f in (eq_38_as_printed, eq_38_corrected)
    )
    return Measured(one, other, "gradient at the minimiser of eqs 39-40, over lambda |theta|", 0.1)


def _run() -> Run:
    family = small("single_softmax", 1)
    batches = tuple((i % 5, (i + 2) % 5) for i in range(10))
    return trajectory.run(family, Recipe(batches, tuple(np.geomspace(0.5, 0.05, 10))), np.zeros(9))


def _against_rerun(printed: object) -> Measured:
    of = _run()
    truth = rerun.by_complex_step(of, task(1))
    one, other = (
        float(np.linalg.norm(f(of, 1) - truth) / np.linalg.norm(truth))  # type: ignore[operator]
        for f in (printed, eq_75_corrected)
    )
    return Measured(one, other, "relative error of d theta^(T)/d eps after 10 steps", 0.01)


def _solves() -> Measured:
    family = small("single_softmax", 1)
    at, counts = family.solve(), []
    gradients = np.stack([family.task(k, at.lam).gradient() for k in range(5)])
    slope = family.target_gradient(targets(family.episodes)[0], at.lam)
    for form in (influences, relative_influences):
        calls: list[Array] = []

        def apply(rhs: Array, calls: list[Array] = calls) -> Array:
            calls.append(rhs)
            return family.apply_inverse(at, rhs)

        form(apply, gradients, slope)
        counts.append(len(calls))
    unit = "solves with H for one target and 5 training gradients, counted: IF, RelatIF"
    return Measured(counts[0], counts[1], unit, 4)


def _renormalised() -> Measured:
    family = small("single_softmax", 1)
    at, bigger = family.solve(), []
    for form in (renormalised_as_printed, renormalised_corrected):
        rows = np.stack([form(family, at, t) for t in range(5)])
        bigger.append(
            float(np.linalg.norm(rows, axis=1).max() / np.linalg.norm(rows, axis=1).min())
        )
    lengths = [np.linalg.norm(family.target_gradient(t, at.lam)) for t in targets(family.episodes)]
    unit = (
        "largest over smallest score vector among 5 targets "
        f"(their gradients: {max(lengths) / min(lengths):.2g})"
    )
    return Measured(bigger[0], bigger[1], unit, 0.1)


ERRATA = (
    Erratum(
        "eq-38-norm",
        "003, eq. 38 (text machine-extracted)",
        "gradient of lambda |theta|",
        "of (lambda/2) |theta|^2: lambda theta, as eq. 39 has it",
        _stationary,
    ),
    Erratum(
        "eq-75-index",
        "003, eq. 75",
        "d theta^(t)/d eps",
        "d theta^(t-1)/d eps, as eq. 76 has it",
        lambda: _against_rerun(eq_75_as_printed),
    ),
    Erratum(
        "eq-61-rate",
        "003, eqs 59-61",
        "eta^(t), t unbound (read here as the step before)",
        "eta^(T), the rate of the step taken",
        lambda: _against_rerun(eq_61_as_printed),
    ),
    Erratum(
        "remark-9",
        "003, Remark 9",
        "RelatIF does not change the time complexity",
        "one solve with H for every training instance, as the paragraph on RelatIF says",
        _solves,
    ),
    Erratum(
        "eq-69-both",
        "003, eq. 69",
        "only the training gradient is normalised",
        "both, as the text says: otherwise targets with large gradients have large scores",
        _renormalised,
    ),
)
