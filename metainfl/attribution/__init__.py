"""Which tasks and instances help or hurt which targets: one answer from a run or a problem."""

from metainfl.attribution.attribute import attribute
from metainfl.attribution.confirmation import Confirmation
from metainfl.attribution.example import EXAMPLES, example
from metainfl.attribution.question import Question
from metainfl.attribution.result import Attribution

__all__ = ["EXAMPLES", "Attribution", "Confirmation", "Question", "attribute", "example"]
