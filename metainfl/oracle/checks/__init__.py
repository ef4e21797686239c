"""All checks, in the order in which they run."""

from metainfl.oracle.checks import contract, truth, runs, laws, options, values  # isort: skip
from metainfl.oracle.checks.registry import CHECKS, Check, checks_for

__all__ = [
    "CHECKS",
    "Check",
    "checks_for",
    "contract",
    "laws",
    "options",
    "runs",
    "truth",
    "values",
]
