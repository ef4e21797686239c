"""What to expect before the work is done: which approximation or estimator, at what cost and error."""

from metainfl.advice.advise import advise
from metainfl.advice.advise_run import advise_run

__all__ = ["advise", "advise_run"]
