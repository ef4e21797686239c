"""All questions of the ledger, in the order of its page."""

from __future__ import annotations

import metainfl.ledger.questions  # noqa: F401  (importing them registers them)
from metainfl.ledger.question import QUESTIONS, Question


def every_question() -> dict[str, Question]:
    """By name."""
    return QUESTIONS
