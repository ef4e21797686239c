"""Training runs as values: recipes, pure optimiser steps, exact derivatives, reruns."""

from metainfl.training.augmentation import Flips, Noise, Shifts, Turns
from metainfl.training.descended import objective
from metainfl.training.groups import Group, Groups, by_name
from metainfl.training.optimisers import SGD, Adam, AdamW
from metainfl.training.recipe import Recipe
from metainfl.training.recorder import Recorder
from metainfl.training.run import Run
from metainfl.training.saved import load, save
from metainfl.training.scores import Reruns, RunInfluence, RunScores
from metainfl.training.smoothness import Smoothness
from metainfl.training.state import State
from metainfl.training.train import train

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Flips",
    "Group",
    "Groups",
    "Noise",
    "Recipe",
    "Recorder",
    "Reruns",
    "Run",
    "RunInfluence",
    "RunScores",
    "Shifts",
    "Smoothness",
    "State",
    "Turns",
    "by_name",
    "load",
    "objective",
    "save",
    "train",
]
