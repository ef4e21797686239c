"""Derivatives of the meta-objective: sums and maps over tasks, products, right-hand sides, a minimiser."""

from metainfl.derive import symmetry
from metainfl.derive.problem import Problem

__all__ = ["Problem", "symmetry"]
