"""What a run's scores are, and what they rest on: seed, smoothness, and a few reruns beside the prediction.

    value[k, t] = D L_t(lam_S) . d lam_S/d pi_k      (the adjoint; L_t through the target's own adaptation)
The score of a removal is minus that, times the weight removed: positive = the data helped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from metainfl.problem.perturbation import Perturbation
from metainfl.training.smoothness import Smoothness


@dataclass(frozen=True, eq=False)
class Reruns:
    """Removals done for real, predicted and true change of each target's loss (k, m)."""

    perturbations: tuple[Perturbation, ...]
    predicted: Tensor
    true: Tensor

    @property
    def spearman(self) -> Tensor:
        """Rank correlation over the removals, one a target (m,); nan where a side is constant."""
        return torch.stack(
            [spearman(a, b) for a, b in zip(self.predicted.T, self.true.T, strict=True)]
        )

    @property
    def interval(self) -> Tensor:
        """95 % interval of each (m, 2): see `fisher`."""
        return fisher(self.spearman, len(self.perturbations))

    def __str__(self) -> str:
        """`20 reruns: rank correlation with the prediction 0.98 (95 %: 0.94 to 0.99)`, one part a target."""
        none = (
            "undefined (no change)" if len(self.perturbations) > 1 else "undefined for a single one"
        )
        pairs = zip(self.spearman.tolist(), self.interval.tolist(), strict=True)
        said = [
            none if math.isnan(r) else f"{r:.2f} (95 %: {a:.2f} to {b:.2f})" for r, (a, b) in pairs
        ]
        n = len(self.perturbations)
        head = f"{n} {'rerun' if n == 1 else 'reruns'}: rank correlation with the prediction "
        return head + ", ".join(said)


@dataclass(frozen=True, eq=False)
class RunInfluence:
    """d lam_S/d pi, rows in the order of the perturbations (n, p), and the run's metasmoothness if asked."""

    value: Tensor
    smoothness: Smoothness | None = None


@dataclass(frozen=True, eq=False)
class RunScores:
    """d L_t/d pi (n, m) for m targets, and what it rests on."""

    value: Tensor
    seed: int
    smoothness: Smoothness | None = None
    reruns: Reruns | None = None
    #: removals that were asked for and end in no number, by name, and why
    undone: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """In words."""
        lines = [f"scores {tuple(self.value.shape)} of one run (batches from seed {self.seed})"]
        if self.smoothness is None and self.reruns is None and not self.undone:
            lines.append("not known whether they predict: ask with smoothness=True, or reruns=20")
        lines += [str(x) for x in (self.smoothness, self.reruns) if x is not None]
        lines += [f"{p} was not removed for real: {why}" for p, why in self.undone.items()]
        return "\n".join(lines)


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """The correlation of mean ranks, a scalar in float64; nan where one of them is constant."""
    x, y = (_ranks(v.detach().double().cpu()) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    size = x.norm() * y.norm()
    return (x @ y) / size if size > 0 else torch.tensor(math.nan, dtype=torch.float64, device="cpu")


def fisher(r: Tensor, k: int) -> Tensor:
    """95 % intervals (m, 2) of rank correlations r (m,) of k pairs: Fisher's z, Bonett and Wright's variance.

    tanh(artanh r -+ 1.96 sqrt((1 + r^2/2)/(k - 3))); -1 to 1 below four pairs. At r = +-1, where the
    transform has no end, r is taken as one swap of neighbours away from it.
    """
    if k <= 3:
        return torch.stack([torch.full_like(r, -1.0), torch.full_like(r, 1.0)], dim=1)
    wide = 1.959964 * ((1 + r.square() / 2) / (k - 3)).sqrt()
    most = 1 - 12 / (k**3 - k)
    z = torch.atanh(r.clamp(-most, most))
    low, high = torch.tanh(z - wide), torch.tanh(z + wide)
    return torch.stack([torch.minimum(low, r), torch.maximum(high, r)], dim=1)


def _ranks(v: Tensor) -> Tensor:
    """Ranks, ties sharing their mean."""
    _, where, counts = torch.unique(v, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[where]
