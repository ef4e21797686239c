"""Paper 004, robustness through the influence measure FI: formulas as printed, and corrected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.estimands.influence_measure import influence_measure
from metainfl_reference.families import SingleSoftmax
from metainfl_reference.generators import classification
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, shift
from metainfl_reference.second_route import complex_step
from metainfl_reference.solution import Solution

Array = np.ndarray


def _problem(ways: int, d: int) -> tuple[SingleSoftmax, Solution]:
    e = classification(0, tasks=1, shots=1, queries=10, d=d, ways=ways)
    family = SingleSoftmax(e, d_out=0.5)
    return family, family.solve()


Moves = Callable[[SingleSoftmax, Sequence[Perturbation], Solution], Array]


def eq_2_2_as_printed(family: SingleSoftmax, pis: Sequence[Perturbation], at: Solution) -> Array:
    """d theta/d omega = + H^{-1} d_x d_theta L. (The second 1/n is put right here, the sign is not.)"""
    return -eq_2_2_corrected(family, pis, at)


def eq_2_2_corrected(family: SingleSoftmax, pis: Sequence[Perturbation], at: Solution) -> Array:
    """d theta/d omega = - H^{-1} d_x d_theta L."""
    return family.influence(pis, at).value


def _by_complex_step(family: SingleSoftmax, pis: Sequence[Perturbation], at: Solution) -> Array:
    return np.stack([complex_step.solution_derivative(family, p, at) for p in pis])


def fi_values(ways: int, d: int, moves: Moves) -> Array:
    """FI of every training instance on one test point, with this formula for d theta/d omega (n,)."""
    family, at = _problem(ways, d)
    x, y = np.ones(d), np.eye(ways)[0]
    out = []
    for j in range(family.episodes.query_x.shape[1]):
        pis = [shift("query", 0, j, a) for a in range(d)]
        out.append(
            influence_measure(family, at, 0, j, x, y, moves=moves(family, pis, at)).value.value
        )
    return np.array(out)


def fi_after_reparametrisation(ways: int, d: int, factors: Array) -> tuple[Array, Array]:
    """FI with the shift measured in other units, omega' = factors * omega, before and after (n,).

    The problem stays the same: only b and G change coordinates, b' = D b and G' = D G D with
    D = diag(1 / factors). Theorem 1 says that FI does not notice.
    """
    family, at = _problem(ways, d)
    before, after = [], []
    scale = np.diag(1 / factors)
    for j in range(family.episodes.query_x.shape[1]):
        fi = influence_measure(family, at, 0, j, np.ones(d), np.eye(ways)[0])
        before.append(fi.value.value)
        inverse = np.linalg.pinv(scale @ fi.metric @ scale, rcond=1e-10, hermitian=True)
        after.append(float(fi.slope @ scale @ inverse @ scale @ fi.slope))
    return np.array(before), np.array(after)


def _largest_change(ways: int, d: int) -> float:
    before, after = fi_after_reparametrisation(ways, d, np.geomspace(0.3, 3.0, d))
    return float(np.abs(after / before - 1).max())


def _sign() -> Measured:
    printed, corrected, truth = (
        fi_values(4, 3, m) for m in (eq_2_2_as_printed, eq_2_2_corrected, _by_complex_step)
    )
    one, other = (float(np.abs(x / truth - 1).max()) for x in (printed, corrected))
    return Measured(one, other, "largest relative error of FI", 0.05)


def _invariance() -> Measured:
    unit = "largest relative change of FI under rescaled shifts: K = 2 (b outside G's range), K = 4"
    return Measured(_largest_change(2, 3), _largest_change(4, 3), unit, 0.1)


def fi_ratio_as_printed() -> float:
    """Algorithms 1 and 2: d_omega L = grad L H^-1 d d L without 1/n, H a mean over n; G with it.

    H_mean^-1 = n H^-1, so that b is n times too long, and FI = b' G^+ b is n^2 times too large.
    """
    family, at = _problem(4, 3)
    n, x, y = family.episodes.query_x.shape[1], np.ones(3), np.eye(4)[0]
    fi = influence_measure(family, at, 0, 0, x, y)
    mean_hessian = at.hessian / n
    axes = [shift("query", 0, 0, a) for a in range(3)]
    cross = family.cross_derivatives(axes, at.lam, at.weights)
    slope = -np.linalg.solve(mean_hessian, cross).T @ family.target_gradient(_point(x, y), at.lam)
    inverse = np.linalg.pinv(fi.metric, rcond=1e-10, hermitian=True)
    return float(slope @ inverse @ slope / fi.value.value)


def fi_ratio_corrected() -> float:
    """With 1/n on both sides: 1."""
    family, at = _problem(4, 3)
    n, x, y = family.episodes.query_x.shape[1], np.ones(3), np.eye(4)[0]
    axes = [shift("query", 0, 0, a) for a in range(3)]
    cross = family.cross_derivatives(axes, at.lam, at.weights)
    moves = -np.linalg.solve(at.hessian / n, cross / n).T
    fi = influence_measure(family, at, 0, 0, x, y)
    again = influence_measure(family, at, 0, 0, x, y, moves=moves)
    return float(again.value.value / fi.value.value)


def _point(x: Array, y: Array) -> TaskData:
    """One test instance as a target."""
    empty = np.zeros((0, len(x))), np.zeros((0, len(y)))
    return TaskData(*empty, x[None], y[None], np.zeros(0), np.ones(1))


def _units() -> Measured:
    family, _ = _problem(4, 3)
    unit = f"FI over its value, n = {family.episodes.query_x.shape[1]}"
    return Measured(fi_ratio_as_printed(), fi_ratio_corrected(), unit, 100.0)


def _validation() -> Measured:
    """Alg. 1, line 4: FI on a validation set V with the sum over n, and over |V|, against the mean's."""
    family, at = _problem(4, 3)
    n, v = family.episodes.query_x.shape[1], classification(5, tasks=1, shots=1, queries=3, ways=4)
    size = v.query_x.shape[1]
    fi = influence_measure(family, at, 0, 0, np.ones(3), np.eye(4)[0])
    axes = [shift("query", 0, 0, a) for a in range(3)]
    gradients = [
        family.target_gradient(_point(x, y), at.lam)
        for x, y in zip(v.query_x[0], v.query_y[0], strict=True)
    ]
    inverse = np.linalg.pinv(fi.metric, rcond=1e-10, hermitian=True)

    def measure(gradient: Array) -> float:
        slope = family.influence(axes, at).value @ gradient
        return float(slope @ inverse @ slope)

    of_mean = measure(np.mean(gradients, axis=0))
    one, other = (measure(np.sum(gradients, axis=0) / by) / of_mean for by in (n, size))
    return Measured(one, other, f"FI^util over its value, |V| = {size}, n = {n}", 0.5)


ERRATA = (
    Erratum(
        "eq-2.2-sign",
        "004, below eq. 2.2, and eq. A.6",
        "+ (1/n) H^-1 ..., a second 1/n",
        "minus, one 1/n, as its own A.7 has it",
        _sign,
    ),
    Erratum(
        "thm-1",
        "004, Thm 1",
        "FI invariant under any diffeomorphism",
        "only where b lies in G's range",
        _invariance,
    ),
    Erratum(
        "alg-1-units",
        "004, Alg. 1 line 6, Alg. 2 line 12",
        "d_omega L without 1/n, H and G with it",
        "1/n on both: FI is n^2 times too large, and ranks only hold where n is common",
        _units,
    ),
    Erratum(
        "alg-1-validation",
        "004, Alg. 1, line 4",
        "(1/n) sum over the validation set V",
        "1/|V|. (Section 4 speaks of the eigenvalues of an m x d matrix: singular values.)",
        _validation,
    ),
)
