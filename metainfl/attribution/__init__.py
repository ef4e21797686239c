"""Which tasks and instances help or hurt which targets: one answer from a run or a problem."""

from metainfl.attribution.attribute import attribute
from metainfl.attribution.example import EXAMPLES, example
from metainfl.attribution.question import Question
from metainfl.attribution.result import Attribution, Confirmation

__all__ = ["EXAMPLES", "Attribution", "Confirmation", "Question", "attribute", "example"]
