"""Influence at a minimiser: the implicit function theorem, on lam*, on targets, on adapted parameters."""

from metainfl.influence import adapted, removal
from metainfl.influence.compressed import Compressed, CompressedScores
from metainfl.influence.how import How
from metainfl.influence.implicit import Influence, influence
from metainfl.influence.saved import load, save
from metainfl.influence.scores import Scores, scores
from metainfl.influence.stored import Stored

__all__ = [
    "Compressed",
    "CompressedScores",
    "How",
    "Influence",
    "Scores",
    "Stored",
    "adapted",
    "influence",
    "load",
    "removal",
    "save",
    "scores",
]
