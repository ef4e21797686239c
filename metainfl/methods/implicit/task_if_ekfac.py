"""task-IF with EK-FAC inside adaptation: 001's section 5 in Theorem 4.3, the outer Hessian left exact.

    -(outer_reg I + H~)^{-1} D~ L_O^k,   D~ through d theta/d lam = d_in (EK-FAC_k + d_in)^{-1}
Paper 001 replaces the outer curvature by Gamma as well (`task_if_paper`); this is the inner step alone, so
that the two can be told apart. Estimand: d lam*/d w_k; exact for proximal ridge with one linear layer, where
EK-FAC of the squared loss is the inner Hessian, and an approximation elsewhere. d2 theta/d lam2 is left out.
Proximal adaptation only: EK-FAC needs an inner minimiser. Sign, scale: those of task-IF. Cost: a few
eigendecompositions of layer size a task, then that of task-IF.
"""

from metainfl.adaptation import KroneckerInverse, approximately
from metainfl.kronecker import Fisher
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method


def task_if_ekfac(fisher: Fisher = "type-2", *, corrected: bool = True) -> Method:
    """The method with that Fisher matrix; K-FAC where not `corrected`."""
    return Method(
        f"task-IF, {'EK-FAC' if corrected else 'K-FAC'} inside, {fisher}",
        "001, Theorem 4.3 and section 5",
        derivative=approximately(KroneckerInverse(fisher, corrected=corrected)),
        claim=Claim(
            accuracy="rank",
            kinds=("task", "group"),
            families=("proximal_ridge", "proximal_softmax"),
        ),
    )
