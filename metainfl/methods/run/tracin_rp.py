"""TracInRP (Pruthi et al. 2020, section 3.4; 003, section 5.2.1.3): TracIn of sketched gradients.

    value[pi, t] = - sum_s rate_s [G d(c_s grad L_{B_s})/d pi] . [G D L_t],      G (d, p) ~ N(0, 1/d)
One G for the whole run. Estimand: TracIn's, unbiased over G: E G'G = I; the variance of a product g . h is
(|g|^2 |h|^2 + (g . h)^2)/d a step, and the steps share G. Sign, scale: TracIn's. Cost: here TracIn's and a
product with G; what sketches save is the room of stored gradients, d numbers for p.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.claim import claims
from metainfl.methods.run.reading import Reading
from metainfl.methods.run.tracin import along
from metainfl.numbers import seed as checked_seed
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run

ROWS = 2**22  # numbers of G that are held at a time


@claims(estimand="run_score", accuracy="rank")
def tracin_rp(
    run: Run,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    dimension: int = 256,
    seed: int = 0,
) -> Tensor:
    """Sums over all steps taken (n, m), with G of `dimension` rows drawn from `seed`."""
    if dimension < 1:
        raise InvalidOption(f"a sketch has at least one dimension, got {dimension}")
    reading = Reading(run, perturbations, targets)
    return along(reading, lambda slopes: sketched(slopes, dimension, seed))


def sketched(rows: Tensor, dimension: int, seed: int) -> Tensor:
    """Rows (m, p) times G'G; G is drawn again each time, a few rows at a time, and never held whole."""
    draw, p = torch.Generator().manual_seed(checked_seed(seed)), rows.shape[1]
    out, size = torch.zeros_like(rows), max(1, ROWS // p)
    for first in range(0, dimension, size):
        n = min(size, dimension - first)
        g = torch.randn(n, p, generator=draw, dtype=torch.float64, device="cpu").to(rows)
        out = out + (rows @ g.T) @ g
    return out / dimension
