"""The papers' experiments as commands: each ends in a verdict a claim, beside what the papers left out."""

from metainfl.experiments.experiment import Claim, Experiment, Verdict
from metainfl.experiments.registry import EXPERIMENTS, find, named
from metainfl.experiments.reproduce import reproduce, reproduced

__all__ = [
    "EXPERIMENTS",
    "Claim",
    "Experiment",
    "Verdict",
    "find",
    "named",
    "reproduce",
    "reproduced",
]
