"""Influence at a minimiser: the implicit function theorem, on lam*, on targets, on adapted parameters."""

from metainfl.influence import adapted, removal
from metainfl.influence.how import How
from metainfl.influence.implicit import Influence, influence
from metainfl.influence.scores import Scores, scores

__all__ = ["How", "Influence", "Scores", "adapted", "influence", "removal", "scores"]
