"""Episodes from real data."""

from metainfl.data.digits import digit_tasks
from metainfl.data.encode import one_hot

__all__ = ["digit_tasks", "one_hot"]
