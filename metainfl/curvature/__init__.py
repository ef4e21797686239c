"""What stands for H, one choice a file; each is a function problem -> SymmetricOperator."""

from collections.abc import Callable

from metainfl.curvature.chances import By
from metainfl.curvature.direct import direct
from metainfl.curvature.empirical_fisher import empirical_fisher
from metainfl.curvature.exact import exact
from metainfl.curvature.gamma import gamma
from metainfl.curvature.gauss_newton import gauss_newton
from metainfl.curvature.identity import identity
from metainfl.curvature.kronecker import Kronecker, ekfac, kfac, kronecker
from metainfl.curvature.subsampled import Subsampled
from metainfl.derive.problem import Problem
from metainfl.solve.operator import SymmetricOperator

Curvature = Callable[[Problem], SymmetricOperator]

__all__ = [
    "By",
    "Curvature",
    "Kronecker",
    "Subsampled",
    "SymmetricOperator",
    "direct",
    "ekfac",
    "empirical_fisher",
    "exact",
    "gamma",
    "gauss_newton",
    "identity",
    "kfac",
    "kronecker",
]
