"""Paper 001, "Evaluating data influence in meta learning": formulas as printed, and corrected.

Each pair is two functions of (family, tasks or instances, solution) that return (n, p) arrays, so that
the oracle can recognise them in anyone's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands import direct
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import small
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.local import ReducedLocal
from metainfl_reference.perturbation import Perturbation, query, support, task
from metainfl_reference.second_route import complex_step
from metainfl_reference.solution import Solution

Array = np.ndarray


def relative(a: Array, b: Array) -> float:
    """|a - b| / |b|, whole arrays."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# -- Proposition 4.8: removed support instance ------------------------------------------------------
def prop_4_8_sign_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """Removal printed as lam* - instance-IF with instance-IF = -H^{-1} D P: read as a derivative,
    d lam*/d eps = -(d_out I + H)^{-1} D P. (The regulariser is put right here, the sign is not.)
    """
    return -prop_4_8_corrected(family, pis, at)


def prop_4_8_inverse_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """+H_total^{-1} D P with d_out I missing from the inverse (sign of the appendix)."""
    rhs = family.cross_derivatives(pis, at.lam, at.weights)
    bare = at.hessian - family.d_out * np.eye(family.n_meta)
    return -np.linalg.solve(bare, rhs).T


def prop_4_8_corrected(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """+(d_out I + H)^{-1} D P, with P = -(dL_O/dtheta) . inner-IF, hence D P = -d(D L_O)/du."""
    return family.influence(pis, at).value


# -- Theorem 4.5: query instance --------------------------------------------------------------------
def thm_4_5_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """-(d_out I + H)^{-1} dl/dtheta(z; theta_k): the partial gradient in theta, put where lam is."""
    rhs = np.stack([_partial(family, p, at) for p in pis], axis=1)
    return -family.apply_inverse(at, rhs).T


def thm_4_5_corrected(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """The total derivative through theta_k(lam), as Algorithm 5 has it."""
    return family.influence(pis, at).value


def _partial(family: Family, p: Perturbation, at: Solution) -> Array:
    """x (x) l' at theta_k, for one query instance of a proximal family (theta lives where lam does)."""
    e, k, j = family.episodes, p.task, p.instance
    theta = family.task_parameters(k, at.lam)
    name = "squared" if family.quadratic else "softmax"
    x, y = e.query_x[k, j : j + 1], e.query_y[k, j : j + 1]
    return LinearModelSum(x, y, np.ones(1), theta, name).gradient()  # type: ignore[arg-type]


# -- Algorithm 4: the Neumann iteration -------------------------------------------------------------
def algorithm_4_as_printed(hessian: Array, d_out: float, rhs: Array, steps: int) -> Array:
    """I <- I - d I + H I + T, started at T. `hessian` excludes d_out."""
    x = rhs
    for _ in range(steps):
        x = x - d_out * x + hessian @ x + rhs
    return x


def algorithm_4_corrected(hessian: Array, d_out: float, rhs: Array, steps: int) -> Array:
    """I <- I - c ((H + d I) I - T) with c = 1/largest eigenvalue, then minus: -(H + d I)^{-1} T."""
    total = hessian + d_out * np.eye(len(hessian))
    c = 1 / np.linalg.eigvalsh(total)[-1]
    x = c * rhs
    for _ in range(steps):
        x = x - c * (total @ x - rhs)
    return -x


# -- Theorem 5.1: Gamma -----------------------------------------------------------------------------
def thm_5_1_as_printed(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """Total Hessian replaced by Gamma = sum_i |dL_O/dtheta|_1 I plus its direct terms (zero for eq. 4)."""
    gamma = sum(
        at.weights.task[k] * np.abs(outer_gradient(family, k, at)).sum()
        for k in range(family.episodes.n_tasks)
    )
    rhs = family.cross_derivatives(pis, at.lam, at.weights)
    return -rhs.T / (gamma + family.d_out)


def thm_5_1_corrected(family: Family, pis: Sequence[Perturbation], at: Solution) -> Array:
    """The total Hessian."""
    return family.influence(pis, at).value


def outer_gradient(family: Family, k: int, at: Solution) -> Array:
    """dL_O/dtheta of task k, partial; single-level problems have no theta to differentiate in."""
    if family.name.startswith("single"):
        raise InvalidProblem(f"{family.name} adapts nothing: Gamma is a sum over adapted learners")
    local = family.task(k, at.lam, at.weights)
    if isinstance(local, ReducedLocal):
        return local.blocks().q_z
    return local.g.reshape(-1)  # type: ignore[attr-defined]


# -- Remark 4.4: the cross term ---------------------------------------------------------------------
def remark_4_4_as_printed(family: Family, at: Solution) -> Array:
    """H with 2 (dtheta/dlam) d_theta d_lam L_O in place of its symmetric part (not symmetric)."""
    out = at.hessian.copy()
    for k in range(family.episodes.n_tasks):
        local = family.task(k, at.lam, at.weights)
        blocks, curved = local.blocks(), local.curved(np.zeros(local.theta.size))  # type: ignore[attr-defined]
        mixed = curved.lz @ blocks.jacobian
        out += 2 * mixed.T - (mixed + mixed.T)
    return out


def remark_4_4_corrected(family: Family, at: Solution) -> Array:
    """H."""
    return at.hessian


# -- Definition 5.2: the influence score ------------------------------------------------------------
def def_5_2_as_printed(
    family: Family, pis: Sequence[Perturbation], at: Solution, target: int
) -> Array:
    """IS = sum_z dl(z; theta')/dtheta' . IF, without dtheta'/dlam."""
    return family.influence(pis, at).value @ outer_gradient(family, target, at)


def def_5_2_corrected(
    family: Family, pis: Sequence[Perturbation], at: Solution, target: int
) -> Array:
    """D L_t . IF, through the target's own adaptation (002, eqs 6-7)."""
    slope = family.target_gradient(targets(family.episodes)[target], at.lam)
    return family.influence(pis, at).value @ slope


# -- measurements -----------------------------------------------------------------------------------
# Both readings are measured against the second route, not against the formula that they correct.
TRUTH = "relative error of d lam*/d weight"
Form = Callable[[Family, Sequence[Perturbation], Solution], Array]


def _ridge() -> tuple[Family, Solution]:
    family = small("proximal_ridge", 0)
    return family, family.solve()


def _against_truth(printed: Form, corrected: Form, kind: str, gap: float) -> Measured:
    family, at = _ridge()
    pis = [task(k) for k in range(5)]
    if kind != "task":
        make = support if kind == "support" else query
        pis = [make(k, j) for k in range(5) for j in range(4)]
    truth = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    one, other = (relative(form(family, pis, at), truth) for form in (printed, corrected))
    return Measured(one, other, TRUTH, gap)


def _sign() -> Measured:
    return _against_truth(prop_4_8_sign_as_printed, prop_4_8_corrected, "support", 1.9)


def _inverse() -> Measured:
    return _against_truth(prop_4_8_inverse_as_printed, prop_4_8_corrected, "support", 0.05)


def _query() -> Measured:
    return _against_truth(thm_4_5_as_printed, thm_4_5_corrected, "query", 0.5)


def _gamma() -> Measured:
    return _against_truth(thm_5_1_as_printed, thm_5_1_corrected, "task", 0.5)


def _neumann() -> Measured:
    family, at = _ridge()
    rhs = family.cross_derivative(task(0), at.lam, at.weights)
    bare = at.hessian - family.d_out * np.eye(family.n_meta)
    printed = algorithm_4_as_printed(bare, float(family.d_out), rhs, 30)
    corrected = algorithm_4_corrected(bare, float(family.d_out), rhs, 30)
    truth = complex_step.solution_derivative(family, task(0), at)
    unit = "relative error after 30 steps"
    return Measured(relative(printed, truth), relative(corrected, truth), unit, 1e3)


def _direct() -> Measured:
    family, at = _ridge()
    pis = [task(k) for k in range(5)]
    printed = direct.influence(family, pis, at).value
    other = small("proximal_ridge", 0, direct=0.5)
    with_direct = direct.influence(other, pis, other.solve()).value
    unit = "largest entry; corrected: with the proximal term that A.8 adds to L_O"
    return Measured(float(np.abs(printed).max()), float(np.abs(with_direct).max()), unit, 1e-3)


def _score() -> Measured:
    family, at = _ridge()
    pis = [task(k) for k in range(5)]
    moves = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    printed, corrected, truth = [], [], []
    for t, target in enumerate(targets(family.episodes)):
        printed.append(def_5_2_as_printed(family, pis, at, t))
        corrected.append(def_5_2_corrected(family, pis, at, t))
        along = [family.target_loss(target, at.lam + 1e-30j * m) for m in moves]
        truth.append(np.imag(along) / 1e-30)
    one, other = (relative(np.stack(x), np.stack(truth)) for x in (printed, corrected))
    return Measured(one, other, "relative error of the scores", 0.1)


def _remark() -> Measured:
    family = small("linear_representation", 0)
    at = family.solve()
    printed = remark_4_4_as_printed(family, at)
    unit = "relative asymmetry |H - H'| / |H|"
    return Measured(relative(printed.T, printed), relative(at.hessian.T, at.hessian), unit, 1e-3)


ERRATA = (
    Erratum(
        "prop-4.8-sign",
        "001, Prop. 4.8",
        "removed support instance: lam* minus instance-IF",
        "plus",
        _sign,
    ),
    Erratum(
        "prop-4.8-inverse",
        "001, Prop. 4.8 (body)",
        "inverse of H_total alone",
        "d_out I + H_total under eq. 5; A.8 leaves the regulariser out of its objective, and there "
        "H_total is right",
        _inverse,
    ),
    Erratum(
        "thm-4.5-partial",
        "001, Thm 4.5",
        "nabla l without a subscript, read as the gradient in theta",
        "total derivative through theta(lam), as its proof (A.5) and Alg. 5 have it",
        _query,
    ),
    Erratum(
        "alg-4",
        "001, Alg. 4",
        "I - d I + S + T, returned as if -H^-1 T (S here with the exact Hessian; with the printed "
        "Gamma it diverges too)",
        "scaled, minus S, negated",
        _neumann,
    ),
    Erratum("thm-5.1-gamma", "001, Thm 5.1", "total Hessian -> Gamma I", "total Hessian", _gamma),
    Erratum(
        "eq-6-direct",
        "001, eq. 6",
        "partial derivative of L_O in lam",
        "identically zero under eq. 4",
        _direct,
    ),
    Erratum(
        "def-5.2-score",
        "001, Def. 5.2",
        "score without d theta'/d lam, an approximation that A.9 declares",
        "with it",
        _score,
    ),
    Erratum(
        "remark-4.4",
        "001, Remark 4.4",
        "2 (dtheta/dlam) d_theta d_lam L_O",
        "its symmetric part",
        _remark,
    ),
)
