"""The error ledger: what each approximation costs in error and in time, on problems with known truth."""

from metainfl.ledger.every import every_question
from metainfl.ledger.question import Question
from metainfl.ledger.run import run
from metainfl.ledger.store import Store

__all__ = ["Question", "Store", "every_question", "run"]
