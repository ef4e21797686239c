"""Generative models: the ELBO against scipy's density, and VAE-TracIn, TracInAD, TracInWE by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

import metainfl as mi
from metainfl.methods.features.linear_vae import LinearVAE, rows, vae_problem
from metainfl.methods.run import tracin
from metainfl.methods.run.tracin_we import embedding_mask, tracin_we
from metainfl.methods.run.vae_tracin import tracin_ad, vae_tracin
from metainfl.training import Recipe, train
from tests.helpers import assert_close


def test_the_bound_is_tight_at_the_best_encoder():
    """Guards every term of the ELBO: there it equals the log density, by scipy; elsewhere it lies below."""
    rng = np.random.default_rng(0)
    d, k, noise = 4, 2, 0.3
    w = np.linalg.qr(rng.standard_normal((d, k)))[0] * [2.0, 0.7]
    mu, x = rng.standard_normal(d), rng.standard_normal((6, d))
    s = noise / ((w**2).sum(0) + noise)
    theta = np.concatenate([w.ravel(), mu, (s[:, None] * w.T / noise).ravel(), np.log(s)])
    model = LinearVAE(d, k, noise=noise)
    found = model(torch.tensor(theta), torch.tensor(x))[:, 0]
    density = multivariate_normal(mu, w @ w.T + noise * np.eye(d)).logpdf(x)
    assert_close(-found, density, 1e-12)
    other = theta + 0.1 * rng.standard_normal(len(theta)) * (np.arange(len(theta)) >= d * k + d)
    worse = model(torch.tensor(other), torch.tensor(x))[:, 0]
    assert (worse > found).all() and LinearVAE(d, k).n_params == len(theta)


def elbo(theta, x, d, k):
    """-ELBO of one row in numpy, noise and beta 1, for complex numbers."""
    w, mu = theta[: d * k].reshape(d, k), theta[d * k : d * k + d]
    v, log_s = theta[d * k + d : -k].reshape(k, d), theta[-k:]
    z, s = v @ (x - mu), np.exp(log_s)
    missed = ((x - mu - w @ z) ** 2).sum() + (s * (w**2).sum(0)).sum()
    return 0.5 * (d * np.log(2 * np.pi) + missed + s.sum() + (z**2).sum() - k - log_s.sum())


def test_vae_tracin_and_tracin_ad_by_complex_steps():
    """Guards the loss that is read and the rates: gradients by complex steps in numpy, at every state."""
    rng = np.random.default_rng(1)
    d, k = 3, 2
    x = rng.standard_normal((5, d))
    at = np.stack([x[0], x[1] + 8])  # the second is far from all data
    run = train(vae_problem(torch.tensor(x), k), Recipe(rate=0.05, steps=4), progress=False)
    targets = rows(torch.tensor(at))
    want, own, self_ = np.zeros((5, 2)), np.zeros(5), np.zeros(2)

    def slope(theta, row):
        h = 1e-30
        units = np.eye(len(theta))
        return np.array([elbo(theta + 1j * h * e, row, d, k).imag / h for e in units])

    for t in range(4):
        lam = run.state_at(t).lam.numpy()
        g, gt = (np.stack([slope(lam, r) for r in data]) for data in (x, at))
        want -= 0.05 / 5 * g @ gt.T
        own, self_ = own + 0.05 / 5 * (g**2).sum(1), self_ + 0.05 / 5 * (gt**2).sum(1)
    pis = [mi.task(i) for i in range(5)]
    assert_close(vae_tracin(run, pis, targets, checkpoints=None), want, 1e-11)
    found = tracin_ad(run, targets, checkpoints=None)
    assert_close(found.value, self_, 1e-11)
    assert_close(found.training, own, 1e-11)
    tail = [(1 + (own >= s).sum()) / 6 for s in self_]
    assert found.tail.tolist() == tail and tail[1] == 1 / 6 < tail[0]


class Words(nn.Module):
    """Mean embedding of tokens, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(7, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.words(x.long()).mean(1))


def test_tracin_we_sees_shared_tokens_only():
    """Guards the place of the embedding in lam: zero without a shared token, and the loops' sum with one."""
    torch.manual_seed(0)
    net = Words().double()
    tokens = torch.tensor([[[0.0, 1]], [[1, 2]], [[3, 4]]], dtype=torch.float64)
    y = torch.eye(2, dtype=torch.float64)[[0, 1, 0]][:, None]
    tasks = mi.Tasks(tokens[:, :0], y[:, :0], tokens, y)
    problem = mi.Problem(
        net, tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=0.0,
        lam=mi.FromModule(net).current(),
    )  # fmt: skip
    run = train(problem, Recipe(rate=0.3, steps=3), progress=False)
    pis, target = [mi.task(k) for k in range(3)], tasks.select([0])
    found = tracin_we(run, pis, target)[:, 0]
    want, lam = torch.zeros(3, dtype=torch.float64), None
    for t in range(3):
        lam = run.state_at(t).lam
        g = problem.task_gradients(lam)[:, :21].reshape(3, 7, 3)  # words.weight comes first
        want -= 0.3 / 3 * (g[:, [0, 1]] * g[0, [0, 1]]).sum((1, 2))
    assert_close(found, want, 1e-13)
    assert found[2] == 0 and found[1] != 0
    assert tracin(run, pis, target)[2, 0] != 0
    assert embedding_mask(problem, "words").sum() == 21
    with pytest.raises(mi.InvalidOption, match=r"'other'; there are \['words'\]"):
        tracin_we(run, pis, target, layer="other")
