"""Training runs as values: recipes, pure optimiser steps, exact derivatives, reruns."""

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
    "Recipe",
    "Recorder",
    "Reruns",
    "Run",
    "RunInfluence",
    "RunScores",
    "Smoothness",
    "State",
    "load",
    "save",
    "train",
]
