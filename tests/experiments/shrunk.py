"""Experiments on so little that each runs through in seconds."""

import sys
from dataclasses import replace

from metainfl.experiments import EXPERIMENTS, settings
from metainfl.experiments.paper_004 import pools


def shrunk(name, monkeypatch):
    """The experiment on fewer tasks and steps than any size."""
    whole = settings.setting

    def tiny(size, seed, data, **options):
        made = whole(size, seed, data, **{**options, "tasks": 24, "new": 20, "hidden": 4})
        return replace(made, recipe=replace(made.recipe, steps=6))

    experiment = EXPERIMENTS[name]
    module = sys.modules[experiment.cell.__module__]
    if hasattr(module, "setting"):
        monkeypatch.setattr(module, "setting", tiny)
        if hasattr(module, "REMOVED"):
            monkeypatch.setattr(module, "REMOVED", 4)
            monkeypatch.setattr(module, "DESCENT", 20)
    elif hasattr(module, "ROUNDS"):
        monkeypatch.setattr(module, "ROUNDS", 1)
        monkeypatch.setattr(module, "POOL", 30)
    elif name in ("004-images", "004-shortcuts"):
        few = {"pool": 40, "test": 40, "rounds": 1, "steps": 4}
        monkeypatch.setattr(pools, "SIZES", {**pools.SIZES, **few})
    elif name == "004-one-dimension":
        monkeypatch.setattr(module, "SIZES", {"train": 60, "valid": 10, "test": 20})
    elif name == "004-tables":
        monkeypatch.setattr(module, "SMALL", {"train": 60, "valid": 20, "test": 30})
        monkeypatch.setattr(module, "SMALL_BUYING", (10, 30, 1, 5))
        monkeypatch.setattr(module, "ORDERS", 4)
    elif name == "002-amounts":
        pairs = {"fixed noise": ((4, 4), (8, 4)), "fixed ratio": ((7, 1), (14, 2))}
        monkeypatch.setattr(module, "STEPS", {"tests": 8, "hidden": 4, "steps": 6})
        monkeypatch.setattr(module, "AMOUNTS", {"small": pairs})
    elif "linear" in module.SIZES:
        monkeypatch.setattr(module, "SIZES", {"linear": (40, 10, 20), "nonlinear": (40, 10, 20)})
    else:
        few = {"tasks": 16, "tests": 8, "hidden": 4, "steps": 6}
        monkeypatch.setattr(module, "SIZES", few)
    return experiment
