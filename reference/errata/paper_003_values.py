"""Paper 003, values and groups: statements that enumeration refutes."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.estimands import knn_shapley, removal, values
from metainfl_reference.family import targets
from metainfl_reference.generators import regression, small
from metainfl_reference.perturbation import group, task

Array = np.ndarray


def interaction_as_printed(v: Array, members: tuple[int, ...]) -> float:
    """Eq. 21: (|A|/n) sum_D (1/C(n-1,|D|)) sum_{D' in A} (-1)^{|A|-|D'|} v(D + D'), v = -L."""
    n, a = int(v.size).bit_length() - 1, len(members)
    mask, total = sum(1 << i for i in members), 0.0
    for d in range(v.size):
        if d & mask == 0:
            total += _difference(v, d, members) / comb(n - 1, d.bit_count())
    return a / n * total


def interaction_corrected(v: Array, members: tuple[int, ...], order: int) -> float:
    """Eq. 21 at |A| = order only; below it the difference at the empty set."""
    if len(members) == order:
        return interaction_as_printed(v, members)
    return _difference(v, 0, members)


def _difference(v: Array, d: int, members: tuple[int, ...]) -> float:
    """delta_A v(D) = sum over D' in A of (-1)^{|A|-|D'|} v(D + D')."""
    out = 0.0
    for size in range(len(members) + 1):
        for chosen in combinations(members, size):
            out += (-1) ** (len(members) - size) * v[d | sum(1 << i for i in chosen)]
    return out


def efficiency_gap(v: Array, order: int, *, printed: bool) -> float:
    """sum of the indices of all A with 1 <= |A| <= order, less v(N) - v(0)."""
    n = int(v.size).bit_length() - 1
    total = 0.0
    for size in range(1, order + 1):
        for members in combinations(range(n), size):
            one = interaction_as_printed(v, members)
            total += one if printed else interaction_corrected(v, members, order)
    return total - (v[-1] - v[0])


def coherent_pairs() -> tuple[int, int]:
    """How many pairs of tasks of a ridge problem obey |I(D)| > sum |I(z)|, and how many there are."""
    family = small("proximal_ridge", 0)
    at, target = family.solve(), targets(regression(99))[0]

    def effect(members: tuple[int, ...]) -> float:
        gone = removal.exact(family, group([task(k) for k in members]), at)
        return abs(float(removal.score(family, target, at, gone).value))

    alone = [effect((k,)) for k in range(5)]
    pairs = list(combinations(range(5), 2))
    return sum(effect(p) > alone[p[0]] + alone[p[1]] for p in pairs), len(pairs)


def _neighbour() -> Measured:
    """Only the fourth matches: whoever leaves the three nearest lets it in, so each place has a price."""
    match, k = np.array([0.0, 0, 0, 1]), 3
    phi = float(knn_shapley.closed_form(match, k).value[0])
    enumerated = float(values.shapley(knn_shapley.game(match, k)).value[0])
    if abs(phi - enumerated) > 1e-12:
        raise AssertionError(f"eq. 26 gives {phi}, enumeration {enumerated}")
    return Measured(0.0, phi, "Shapley value of the nearest, mismatching neighbour (k = 3)", 0.05)


def _step() -> Measured:
    game = knn_shapley.game(np.array([1.0, 1, 0, 0]), 3).value
    unit = "what a matching neighbour adds to eq. 25's value (k = 3)"
    return Measured(1.0, float(game[1] - game[0]), unit, 0.5)


def _taylor() -> Measured:
    v = np.random.default_rng(0).standard_normal(32)
    one, other = (efficiency_gap(v, 2, printed=p) for p in (True, False))
    unit = "sum of the indices of order up to 2, less v(N) - v(0) (5 players, random game)"
    return Measured(one, other, unit, 0.5)


def _groups() -> Measured:
    held, of = coherent_pairs()
    unit = "share of 10 pairs of tasks whose group effect exceeds the sum of its parts: claimed, measured"
    return Measured(1.0, held / of, unit, 0.3)


ERRATA = (
    Erratum(
        "sect-4.3.3-none",
        "003, sect. 4.3.3",
        "an instance that does not match has no effect",
        "as a neighbour it displaces another: eq. 26 gives it a value of its own",
        _neighbour,
    ),
    Erratum(
        "sect-4.3.3-one",
        "003, sect. 4.3.3",
        "a matching neighbour increases the value by one",
        "by 1/k",
        _step,
    ),
    Erratum(
        "eq-21-order",
        "003, eq. 21",
        "the Shapley-Taylor index for any A",
        "for |A| = k, the order, only; below it delta_A(0), or efficiency fails",
        _taylor,
    ),
    Erratum(
        "eq-2-groups",
        "003, eqs 2, 36",
        "a coherent group is more than the sum of its parts",
        '"coherent" is not defined; it fails for many pairs',
        _groups,
    ),
)
