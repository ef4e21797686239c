"""Families with exact answers, one a file, each with the same names in the same order."""

from collections.abc import Callable

from metainfl_reference.families.linear_representation import LinearRepresentation
from metainfl_reference.families.maml_linear import MamlLinear
from metainfl_reference.families.maml_softmax import MamlSoftmax
from metainfl_reference.families.prototypes import Prototypes
from metainfl_reference.families.proximal_ridge import ProximalRidge
from metainfl_reference.families.proximal_softmax import ProximalSoftmax
from metainfl_reference.families.single_ridge import SingleRidge
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.family import Family

FAMILIES: dict[str, Callable[..., Family]] = {
    f.name: f
    for f in (
        SingleRidge,
        SingleSoftmax,
        ProximalRidge,
        ProximalSoftmax,
        LinearRepresentation,
        MamlLinear,
        MamlSoftmax,
        Prototypes,
    )
}

__all__ = [
    "FAMILIES",
    "LinearRepresentation",
    "MamlLinear",
    "MamlSoftmax",
    "Prototypes",
    "ProximalRidge",
    "ProximalSoftmax",
    "SingleRidge",
    "SingleSoftmax",
]
