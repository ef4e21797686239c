"""All checks, in the order in which they run."""

from metainfl.oracle.checks import contract, untouched, rows, columns  # isort: skip
from metainfl.oracle.checks import truth, ranking, run_truth, run_laws, run_precision  # isort: skip
from metainfl.oracle.checks import sums, resolving, tasks, zeros, symmetries, units, written  # isort: skip
from metainfl.oracle.checks import outside, between, inside, options, values  # isort: skip
from metainfl.oracle.checks.registry import CHECKS, Check, checks_for

__all__ = [
    "CHECKS",
    "Check",
    "between",
    "checks_for",
    "columns",
    "contract",
    "inside",
    "options",
    "outside",
    "ranking",
    "resolving",
    "rows",
    "run_laws",
    "run_precision",
    "run_truth",
    "sums",
    "symmetries",
    "tasks",
    "truth",
    "units",
    "untouched",
    "values",
    "written",
    "zeros",
]
