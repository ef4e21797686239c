"""Softmax outputs that are nearly certain keep their digits: 1 - p is a sum, not a difference."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.influence import adapted

D, L = torch.float64, np.longdouble


def data(scale, one_hot):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(4, 8, 3, dtype=D, generator=g) * scale
    y = torch.randint(3, (4, 8), generator=g)
    lam = torch.randn(9, dtype=D, generator=g)
    return x, torch.nn.functional.one_hot(y, 3).to(D) if one_hot else y, lam


def certain(x, y, center, reg, near):
    """The minimiser in extended precision, by Newton's method from `near`, and the rounding at it that
    double precision leaves: each term x (p - y) is known to eps times its own size and its outputs'.
    """
    x, t, at = x.astype(L), near.astype(L).reshape(3, 3), center.astype(L)
    y = np.eye(3, dtype=L)[y]
    for _ in range(30):
        z = x @ t
        z = z - z.max(1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        error = np.where(y == 1, -(p * (1 - y)).sum(1, keepdims=True), p)
        g = (x.T @ error + reg * (t - at)).reshape(-1)
        cov = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None]
        h = np.einsum("na,nb,nij->aibj", x, x, cov).reshape(9, 9) + reg * np.eye(9)
        t = t - np.linalg.solve(h.astype(float), g.astype(float)).reshape(3, 3)
    terms = np.einsum("na,nc->ac", abs(x), abs(error) * (1 + abs(x @ t).max(1, keepdims=True)))
    size = (terms + reg * (abs(t) + abs(at))).reshape(-1).astype(float)
    spread = abs(np.linalg.inv(h.astype(float)))
    rounding = (np.finfo(float).eps * spread @ size).max()
    assert (spread @ abs(g).astype(float)).max() < 0.01 * rounding  # it converged
    return t.reshape(-1), rounding


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("reg", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("scale", [1, 10, 100, 300])
@pytest.mark.parametrize("adaptation", [mi.Proximal, mi.ProximalCG])
def test_adapted_parameters(adaptation, scale, reg, one_hot):
    """Guards p - 1, whose rounding is divided by inner_reg: 1e-8 of theta, and inner solves that stall."""
    x, y, lam = data(scale, one_hot)
    p = mi.Problem(mi.Linear(3, 3), mi.Tasks(x, y, x, y), adaptation(reg, rtol=1e-14),
                   inner_loss=mi.cross_entropy, outer_reg=1.0, lam=lam)  # fmt: skip
    theta = adapted.parameters(p).numpy()
    labels = data(scale, False)[1].numpy()
    for k in range(4):
        want, rounding = certain(x[k].numpy(), labels[k], lam.numpy().reshape(3, 3), reg, theta[k])
        assert (abs(theta[k] - want) <= rounding).all()


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("reg", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("scale", [1, 10, 100])
def test_the_minimiser_of_a_single_level(scale, reg, one_hot):
    """Guards the same where outer_reg is small."""
    x, y, _ = data(scale, one_hot)
    t = mi.Tasks(x[:1], y[:1], x[:1], y[:1])
    p = mi.Problem(
        mi.Linear(3, 3), t, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=reg
    )
    labels = data(scale, False)[1].numpy()
    found = p.solve().numpy()
    want, rounding = certain(x[0].numpy(), labels[0], np.zeros((3, 3)), reg, found)
    assert (abs(found - want) <= rounding).all()


@pytest.mark.parametrize("c", [1, 2, 5])
def test_the_loss_and_its_derivatives(c):
    """Guards the shift by the largest output: values and three derivatives are those of the formula."""
    g = torch.Generator().manual_seed(3)
    z = torch.randn(6, c, dtype=D, generator=g)
    z[0] = 0.0  # a tie
    soft = torch.rand(6, c, dtype=D, generator=g)
    labels = torch.randint(c, (6,), generator=g)
    plain = {
        "labels": lambda o: o.logsumexp(1) - o.gather(1, labels[:, None])[:, 0],
        "soft": lambda o: soft.sum(1) * o.logsumexp(1) - (soft * o).sum(1),
    }
    for name, y in (("labels", labels), ("soft", soft)):
        found, want = (lambda o, y=y: mi.cross_entropy(o, y)), plain[name]
        for _ in range(3):
            assert torch.allclose(found(z), want(z), rtol=0, atol=1e-13)
            total = lambda f: lambda o: (f(o) * weight(f(o))).sum()  # noqa: E731
            found, want = (torch.func.grad(total(f)) for f in (found, want))


def weight(t):
    return torch.arange(1.0, 1 + t.numel(), dtype=D).reshape(t.shape)
