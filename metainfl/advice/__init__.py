"""What to expect before the work is done: which approximation, at what cost and error."""

from metainfl.advice.advise import advise

__all__ = ["advise"]
