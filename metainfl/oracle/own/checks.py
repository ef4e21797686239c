"""All checks on one's own problem, in the order in which they run."""

from metainfl.oracle.own import laws, truths
from metainfl.oracle.own.registry import OWN, OwnCheck

__all__ = ["OWN", "OwnCheck", "laws", "truths"]
