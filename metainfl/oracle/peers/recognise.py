"""Which named estimator a score matrix is: exact, per-batch, one of the EK-FACs, TRAK."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metainfl.oracle.measure import Distance, distance
from metainfl.oracle.peers import fisher, margins
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray
KINDS: tuple[fisher.Kind, ...] = ("type-2", "empirical", "sampled")
EQUAL = 1e-5  # libraries work in float32 here and there


def per_batch(problem: PeerProblem, size: int) -> Array:
    """-sum_b g_t' (H_b + d I)^{-1} g_i in the mean form, H_b the mean Hessian of batch b (n, m)."""
    x, y, _, _ = problem.data
    p = problem.components * 10
    total = np.zeros((p, p))
    probabilities = fisher.probabilities(problem)
    for start in range(0, problem.n, size):
        rows = slice(start, start + size)
        q = probabilities[rows]
        curve = q[:, :, None] * np.eye(10) - q[:, :, None] * q[:, None, :]
        xb = x[rows]
        h = np.einsum("na,nbf,ne->abef", xb, curve, xb).reshape(p, p) / len(xb)
        total += np.linalg.inv(h + problem.d * np.eye(p))
    g = np.einsum("na,nb->nab", x, probabilities - np.eye(10)[y]).reshape(problem.n, p)
    return -g @ total @ problem.test_gradients


def candidates(problem: PeerProblem, batch: int) -> dict[str, Array]:
    """Named estimators in the mean form (n, m)."""
    out = {"the exact Hessian": problem.n * problem.truth}
    if batch < problem.n:
        out[f"the sum of per-batch inverses (batches of {batch})"] = per_batch(problem, batch)
    for kind in KINDS[:2]:
        out[f"EK-FAC, {kind} Fisher"] = fisher.scores(problem, kind, corrected=True)
        out[f"K-FAC, {kind} Fisher"] = fisher.scores(problem, kind, corrected=False)
        out[f"the diagonal of the {kind} Fisher"] = fisher.gauss_newton_diagonal(problem, kind)
    identity = fisher.scores(problem, "type-2", corrected=False, shrink=0.0)
    out["TRAK without projection"] = margins.trak(problem)
    out["gradient dot product, no curvature"] = identity * problem.d
    return out


def sampled(problem: PeerProblem) -> dict[str, tuple[Array, float]]:
    """Type-2 estimators, each with the typical distance of a sampled-Fisher draw from it."""
    forms: dict[str, Callable[[fisher.Kind, int], Array]] = {
        "EK-FAC": lambda k, s: fisher.scores(problem, k, corrected=True, seed=s),
        "K-FAC": lambda k, s: fisher.scores(problem, k, corrected=False, seed=s),
        "the diagonal": lambda k, s: fisher.gauss_newton_diagonal(problem, k, s),
    }
    out = {}
    for name, form in forms.items():
        exact = form("type-2", 0)
        spread = np.mean([distance(form("sampled", s), exact).relative for s in range(10)])
        out[name] = exact, float(spread)
    return out


def recognise(problem: PeerProblem, scores: Array, batch: int) -> str:
    """Words for what the scores (mean form, minus sign) are."""
    if not np.isfinite(scores).all():
        return "not finite"
    found: list[tuple[Distance, str]] = [
        (distance(scores, value), name) for name, value in candidates(problem, batch).items()
    ]
    found.sort(key=lambda pair: pair[0].relative)
    best, name = found[0]
    if best.relative <= EQUAL:
        return f"equals {name}"
    scaled = min(found, key=lambda pair: pair[0].rescaled)
    if scaled[0].rescaled <= EQUAL:
        return f"equals {scaled[0].ratio:.4g} times {scaled[1]}"
    near = []
    for label, (exact, spread) in sampled(problem).items():
        gap = distance(scores, exact).relative
        if gap <= 1.5 * spread:
            near.append(f"{label} ({gap:.0%} from type-2, draws lie {spread:.0%} away)")
    if near:
        return "a sampled Fisher, as " + " or ".join(near)
    words = f"nearest {scaled[1]} ({scaled[0].rescaled:.0%} after rescaling)"
    return f"equals no named estimator; {words}"
