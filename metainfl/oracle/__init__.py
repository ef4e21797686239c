"""The correctness oracle: claims, cases, truths and verdicts."""

from metainfl.claim import Claim, claim_of, claims
from metainfl.oracle.case import Case, digits_case, small_case
from metainfl.oracle.survey import Row, judge, survey

__all__ = [
    "Case",
    "Claim",
    "Row",
    "claim_of",
    "claims",
    "digits_case",
    "judge",
    "small_case",
    "survey",
]
