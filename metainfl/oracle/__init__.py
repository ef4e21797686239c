"""The correctness oracle: claims, cases, truths and verdicts."""

from metainfl.methods.claim import Claim, claim_of, claims
from metainfl.oracle.builtin_table import Row, survey
from metainfl.oracle.case import Case
from metainfl.oracle.cases import digits_case, small_case
from metainfl.oracle.measurements import Retraining
from metainfl.oracle.pytest_plugin import parametrize_with_checks
from metainfl.oracle.report import Report
from metainfl.oracle.reproduce import Rerun, rerun
from metainfl.oracle.space import drawn_case
from metainfl.oracle.verdict import check_method

__all__ = [
    "Case",
    "Claim",
    "Report",
    "Rerun",
    "Retraining",
    "Row",
    "check_method",
    "claim_of",
    "claims",
    "digits_case",
    "drawn_case",
    "parametrize_with_checks",
    "rerun",
    "small_case",
    "survey",
]
