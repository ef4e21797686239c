"""task-IF as paper 001 approximates it: Theorem 5.1's Gamma and a Neumann series, corrected.

    -(Gamma + ...)^{-1} D L_O^k,  the series scaled by a spectral bound and with Algorithm 4's signs put
right. An approximation: on proximal ridge its relative error is about 0.8, a scaled gradient.
"""

from metainfl.claim import Claim
from metainfl.curvature import gamma
from metainfl.methods.method import Method
from metainfl.solve import Neumann

task_if_paper = Method(
    "task-IF, Gamma + Neumann",
    "001, Theorem 5.1 and Algorithm 4, corrected",
    curvature=gamma,
    solver=Neumann(rtol=1e-10),
    claim=Claim(accuracy="rank", kinds=("task", "group")),
)
