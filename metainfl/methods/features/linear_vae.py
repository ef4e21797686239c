"""A linear (beta-)VAE whose ELBO is in closed form: a model for influence on generative training.

    q(z|x) = N(V (x - mu), diag(s)),    p(x|z) = N(mu + W z, noise I),    p(z) = N(0, I)
    -ELBO(x) = d/2 log(2 pi noise) + [|x - mu - W V (x - mu)|^2 + sum_k s_k |W_k|^2] / (2 noise)
               + beta/2 [sum s + |V (x - mu)|^2 - k - sum log s]
At the best encoder of a W with orthogonal columns (s = noise/(|W_k|^2 + noise), V = diag(s) W'/noise, beta 1)
it is -log N(x; mu, W W' + noise I) exactly. lam is (W, mu, V, log s) in that order. The model's output is
-ELBO of each instance (n, 1) and `elbo_loss` reads it: targets of the tasks are not looked at.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.problem import Tasks


class LinearVAE:
    """outputs = -ELBO (n, 1) of x (n, d), with k latent variables."""

    def __init__(self, d: int, k: int, *, noise: float = 1.0, beta: float = 1.0) -> None:
        if not 1 <= k <= d:
            raise InvalidOption(f"1 to {d} latent variables, got {k}")
        if not (0 < noise < math.inf and 0 < beta < math.inf):
            raise InvalidOption(f"noise and beta must be positive, got {noise} and {beta}")
        self.d, self.k, self.noise, self.beta = d, k, noise, beta
        self.n_params = 2 * d * k + d + k

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """-ELBO (n, 1), in nats."""
        d, k = self.d, self.k
        w, mu, v, log_s = theta.split([d * k, d, k * d, k])
        w, v, s = w.reshape(d, k), v.reshape(k, d), log_s.exp()
        z = (x - mu) @ v.T
        missed = (x - mu - z @ w.T).square().sum(1) + (s * w.square().sum(0)).sum()
        fit = 0.5 * (d * math.log(2 * math.pi * self.noise) + missed / self.noise)
        divergence = 0.5 * (s.sum() + z.square().sum(1) - k - log_s.sum())
        return (fit + self.beta * divergence)[:, None]


def elbo_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The output itself (n,)."""
    return outputs[:, 0]


def vae_problem(
    x: Tensor, k: int, *, outer_reg: float = 0.0, noise: float = 1.0, beta: float = 1.0
) -> Problem:
    """The problem of training on rows x (n, d), one a task, from a start of small weights.

    Train it with `metainfl.training.train`; rows are named by `metainfl.task(i)`.
    """
    if x.ndim != 2:
        raise InvalidOption(f"rows are (n, d), got shape {tuple(x.shape)}")
    model = LinearVAE(x.shape[1], k, noise=noise, beta=beta)
    draw = torch.Generator().manual_seed(0)
    start = 0.1 * torch.randn(model.n_params, generator=draw, dtype=torch.float64, device="cpu").to(
        x
    )
    return Problem(
        model, rows(x), NoAdaptation(), inner_loss=elbo_loss, outer_reg=outer_reg, lam=start
    )


def rows(x: Tensor) -> Tasks:
    """Rows (n, d) as tasks of one query instance each, with targets that nothing reads."""
    y = x.new_zeros(len(x), 1, 1)
    return Tasks(x[:, None][:, :0], y[:, :0], x[:, None], y)
