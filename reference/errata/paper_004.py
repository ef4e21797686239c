"""Paper 004, robustness through the influence measure FI: formulas as printed, and corrected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.estimands.input_shift import influence_measure
from metainfl_reference.families import SingleSoftmax
from metainfl_reference.family import Solution
from metainfl_reference.generators import classification
from metainfl_reference.perturbation import Perturbation, shift
from metainfl_reference.second_route import complex_step

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


ERRATA = (
    Erratum(
        "eq-2.2-sign",
        "004, eqs 2.2, A.6, A.7",
        "+ (1/n) H^-1 ..., a second 1/n",
        "minus, one 1/n",
        _sign,
    ),
    Erratum(
        "thm-1",
        "004, Thm 1",
        "FI invariant under any diffeomorphism",
        "only where b lies in G's range",
        _invariance,
    ),
)
