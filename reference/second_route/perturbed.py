"""The problem after a finite step along a perturbation: what finite differences are taken of."""

from __future__ import annotations

import copy

from metainfl_reference.episodes import Weights
from metainfl_reference.family import Family
from metainfl_reference.perturbation import Perturbation


def perturbed(
    family: Family, weights: Weights, p: Perturbation, step: complex
) -> tuple[Family, Weights]:
    """The family and weights after `step` along p (weights move, or one input does)."""
    if p.kind in ("support_input", "query_input"):
        other = copy.copy(family)
        other.episodes = family.episodes.shifted(p, step)
        return other, weights
    return family, weights.moved(p, step)
