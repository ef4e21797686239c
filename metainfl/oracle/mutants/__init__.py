"""Specimens: at least 170 wrong methods, each with its defect, and right ones that look different."""

from metainfl.oracle.mutants import (
    adaptation_slips,
    curvature_and_solver,
    manners,
    narrow_escapes,
    processes,
    right_ones,
    right_solvers,
    runs,
    scale_and_sign,
    short_runs,
    small_problems,
    solver_shortcuts,
    targets,
    values,
)
from metainfl.oracle.mutants.registry import MUTANTS, RIGHT, Specimen

__all__ = [
    "MUTANTS",
    "RIGHT",
    "Specimen",
    "adaptation_slips",
    "curvature_and_solver",
    "manners",
    "narrow_escapes",
    "processes",
    "right_ones",
    "right_solvers",
    "runs",
    "scale_and_sign",
    "short_runs",
    "small_problems",
    "solver_shortcuts",
    "targets",
    "values",
]
