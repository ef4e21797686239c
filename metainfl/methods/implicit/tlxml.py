"""TLXML (002): task influence by the exact Hessian, a pruned pseudo-inverse, or Gauss-Newton.

    exact          I_meta(j) = -H^{-1} D L_j                (eq. 4; a sum over tasks here, a mean there)
    pruned         H^+ with the `keep` largest eigenvalues  (eq. 12, section 5.1)
    Gauss-Newton   (V V')^+ from a buffer of columns        (eqs 11-12, section 4.3)
Influence on adaptation and on performance (eqs 6-7): `metainfl.influence` and `metainfl.scores`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from metainfl.curvature.gauss_newton import factors
from metainfl.derive.cross import columns
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidProblem
from metainfl.influence.how import examined
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method
from metainfl.problem.perturbation import Perturbation
from metainfl.solve import PseudoInverse
from metainfl.solve.buffer import buffered
from metainfl.solve.pseudo_inverse import pseudo_inverse
from metainfl.solve.woodbury import woodbury

tlxml = Method("TLXML", "002, eq. 4", claim=Claim(kinds=("task", "group")))


def tlxml_pruned(keep: int) -> Method:
    """The `keep` largest eigenvalues of H, the rest set to zero."""
    return Method(
        f"TLXML, {keep} eigenvalues",
        "002, eq. 12",
        solver=PseudoInverse(keep=keep),
        claim=Claim(accuracy="rank", kinds=("task", "group")),
    )


def tlxml_gauss_newton(
    problem: Problem,
    perturbations: Sequence[Perturbation],
    *,
    buffer: int = 1024,
    allow_nonstationary: bool = False,
) -> Tensor:
    """-(V V')^+ D L_j (n, p) with about `buffer` columns kept; -(V V' + outer_reg I)^-1 D L_j where there
    is an outer regulariser, whose p directions count as no columns. Raises what `influence` raises.
    """
    examined(problem, perturbations, allow_nonstationary=allow_nonstationary)
    v, rhs = buffered(factors(problem), buffer), columns(problem, perturbations).T
    reg = problem.outer_reg
    if isinstance(
        reg, Tensor
    ):  # one precision a parameter: D^-1/2 (D^-1/2 V V' D^-1/2 + I)^-1 D^-1/2
        if not bool((reg > 0).all()):
            raise InvalidProblem("the factored form needs every entry of outer_reg positive")
        root = reg.sqrt()[:, None]
        return -(woodbury(v / root, 1.0, rhs / root) / root).T
    return -(woodbury(v, reg, rhs) if reg else pseudo_inverse(v, rhs)).T
