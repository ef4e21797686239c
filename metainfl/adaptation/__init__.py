"""theta(lam) and its derivatives, one kind of adaptation a file."""

from metainfl.adaptation.approximate import (
    ApproximateProximal,
    KroneckerInverse,
    approximately,
    diagonal_inverse,
    exact_inverse,
)
from metainfl.adaptation.none import NoAdaptation
from metainfl.adaptation.prototypes import Prototypes
from metainfl.adaptation.proximal import Proximal, ProximalCG
from metainfl.adaptation.ridge import ProximalRidge
from metainfl.adaptation.ridge_head import RidgeHead
from metainfl.adaptation.unrolled import Unrolled
from metainfl.problem.adaptation import Adaptation, Frozen, Setting

__all__ = [
    "Adaptation",
    "ApproximateProximal",
    "Frozen",
    "KroneckerInverse",
    "NoAdaptation",
    "Prototypes",
    "Proximal",
    "ProximalCG",
    "ProximalRidge",
    "RidgeHead",
    "Setting",
    "Unrolled",
    "approximately",
    "diagonal_inverse",
    "exact_inverse",
]
