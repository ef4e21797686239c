"""BALD (Houlsby et al. 2011; the baseline of 004, section 5.2): what a label would tell about lam.

    BALD(x) = H[ E_lam p(. | x, lam) ] - E_lam H[ p(. | x, lam) ] >= 0,      H the entropy in nats
lam ~ N(lam*, H^{-1}), Laplace's approximation with the exact Hessian of F, sampled. Estimand: itself; 0 where
lam is known. Sign: never negative. Scale: nats, at most log K. Cost: one factorisation and a pass forward a
sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, SingularHessian
from metainfl.numbers import seed as checked_seed


def bald(probabilities: Tensor) -> Tensor:
    """Of class probabilities (samples, n, K), sums 1 over the last: (n,)."""
    if probabilities.ndim != 3 or len(probabilities) == 0:
        raise InvalidOption(
            f"class probabilities are (samples, n, K), got {tuple(probabilities.shape)}"
        )
    off = float((probabilities.sum(-1) - 1).abs().max())
    if not (off <= 1e-4 and bool((probabilities >= 0).all())):
        raise InvalidOption(
            f"class probabilities are positive and sum to 1; these are off by {off:.2g}"
        )
    return _entropy(probabilities.mean(0)) - _entropy(probabilities).mean(0)


def laplace(problem: Problem, samples: int, *, seed: int = 0) -> Tensor:
    """lam (samples, p) from N(lam*, H^{-1}) at the minimiser. Raises `SingularHessian`, `NotStationary`."""
    if samples < 1:
        raise InvalidOption(f"samples must be at least 1, got {samples}")
    problem.check_stationary()
    h = problem.hessian(problem.lam)
    factor, failed = torch.linalg.cholesky_ex(h)
    if failed:
        raise SingularHessian(
            "Laplace's approximation needs a Hessian that is positive definite: more outer_reg makes it so"
        )
    draw = torch.Generator().manual_seed(checked_seed(seed))
    noise = torch.randn(
        problem.n_meta, samples, generator=draw, dtype=torch.float64, device="cpu"
    ).to(h)
    moved = torch.linalg.solve_triangular(factor.T, noise, upper=True)
    return problem.lam + moved.T


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(-1)
