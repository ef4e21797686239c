"""Kronecker-factored Fisher matrices (K-FAC, EK-FAC) of models made of linear layers."""

from metainfl.kronecker.factors import Block, Recipe, apply, blocks
from metainfl.kronecker.fisher import Fisher, draws
from metainfl.kronecker.layers import LinearLayers

__all__ = ["Block", "Fisher", "LinearLayers", "Recipe", "apply", "blocks", "draws"]
