"""The error ledger: what each approximation costs in error and in time, on problems with known truth."""

from metainfl.ledger.question import QUESTIONS, Question
from metainfl.ledger.run import run
from metainfl.ledger.store import Store

__all__ = ["QUESTIONS", "Question", "Store", "run"]
