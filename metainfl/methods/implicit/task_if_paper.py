"""task-IF as paper 001 approximates it: EK-FAC inner inverse, Theorem 5.1's Gamma, Neumann series.

    -(Gamma + ...)^{-1} D L_O^k,  D through d theta/d lam = d_in (EK-FAC + d_in)^{-1},
the series scaled by a spectral bound and with Algorithm 4's signs put right. An approximation: on
proximal ridge, where EK-FAC is exact, its relative error is about 0.8: a scaled gradient.
"""

from metainfl.adaptation import KroneckerInverse, approximately
from metainfl.curvature import gamma
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method
from metainfl.solve import Neumann

task_if_gamma = Method(
    "task-IF, Gamma + Neumann",
    "001, Theorem 5.1 and Algorithm 4, corrected",
    curvature=gamma,
    solver=Neumann(rtol=1e-10),
    claim=Claim(accuracy="rank", kinds=("task", "group")),
)
task_if_paper = Method(
    "task-IF, EK-FAC + Gamma + Neumann",
    "001, section 5, corrected",
    derivative=approximately(KroneckerInverse()),
    curvature=gamma,
    solver=Neumann(rtol=1e-10),
    claim=Claim(
        accuracy="rank", kinds=("task", "group"), families=("proximal_ridge", "proximal_softmax")
    ),
)
