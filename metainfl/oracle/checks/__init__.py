"""All checks, in the order in which they run."""

from metainfl.oracle.checks import contract, truth, laws, options, values  # isort: skip
from metainfl.oracle.checks.registry import CHECKS, Check

__all__ = ["CHECKS", "Check", "contract", "laws", "options", "truth", "values"]
