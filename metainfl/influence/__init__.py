"""Influence at a minimiser: the implicit function theorem, on lam*, on targets, on adapted parameters."""

from metainfl.influence import adapted, removal
from metainfl.influence.implicit import Influence, Scores, influence, scores

__all__ = ["Influence", "Scores", "adapted", "influence", "removal", "scores"]
