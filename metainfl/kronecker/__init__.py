"""Kronecker-factored Fisher matrices (K-FAC, EK-FAC) of models made of linear layers."""

from metainfl.kronecker.factors import Block, Recipe, apply, blocks
from metainfl.kronecker.fisher import Fisher, draws, mass, require_mass
from metainfl.kronecker.layers import LinearLayers

__all__ = [
    "Block",
    "Fisher",
    "LinearLayers",
    "Recipe",
    "apply",
    "blocks",
    "draws",
    "mass",
    "require_mass",
]
