"""Exact answers for small bilevel problems: numpy and scipy in float64, nothing else.

Every answer carries its own error bound and is confirmed by a second route; run
`python -m metainfl_reference` for the table. Nothing here imports the production package.
"""

from metainfl_reference.certificate import Certificate
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import BranchLost, InvalidProblem, NotCertified, TruthError
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import Family, task_data
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import Perturbation, group, query, shift, support, task
from metainfl_reference.solution import Solution

__all__ = [
    "FAMILIES",
    "BranchLost",
    "Certificate",
    "Episodes",
    "Family",
    "InvalidProblem",
    "NotCertified",
    "Perturbation",
    "Solution",
    "TaskData",
    "TruthError",
    "Weights",
    "group",
    "query",
    "shift",
    "support",
    "task",
    "task_data",
]
