"""What stands for H, one choice a file; each is a function problem -> SymmetricOperator."""

from collections.abc import Callable

from metainfl.curvature.direct import direct
from metainfl.curvature.exact import exact
from metainfl.curvature.operator import SymmetricOperator
from metainfl.problem import Problem

Curvature = Callable[[Problem], SymmetricOperator]

__all__ = ["Curvature", "SymmetricOperator", "direct", "exact"]
