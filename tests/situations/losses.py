"""Losses as users write them, by the kind of target: a distribution, a label, or real numbers."""

import torch
import torch.nn.functional as F

import metainfl as mi
from tests.situations.models import C


def each(f, **options):
    """One loss an instance, summed over outputs."""
    return lambda o, y: f(o, y, reduction="none", **options).sum(1)


LOSSES = {
    "cross-entropy, ours": (mi.cross_entropy, "distribution"),
    "cross-entropy": (lambda o, y: F.cross_entropy(o, y, reduction="none"), "label"),
    "smoothed labels": (
        lambda o, y: F.cross_entropy(o, y, reduction="none", label_smoothing=0.1), "label"
    ),
    "nll": (lambda o, y: F.nll_loss(o.log_softmax(1), y, reduction="none"), "label"),
    "binary": (each(F.binary_cross_entropy_with_logits), "distribution"),
    "kl": (lambda o, y: F.kl_div(o.log_softmax(1), y, reduction="none").sum(1), "distribution"),
    "focal": (
        lambda o, y: -((1 - o.softmax(1)).square() * o.log_softmax(1) * y).sum(1), "distribution"
    ),
    "squared, ours": (mi.squared, "real"),
    "huber": (each(F.huber_loss), "real"),
    "absolute": (each(F.l1_loss), "real"),
    "smooth absolute": (each(F.smooth_l1_loss, beta=0.5), "real"),
    "poisson": (lambda o, y: each(F.poisson_nll_loss)(o, y.abs()), "real"),
    "cosine": (lambda o, y: 1 - F.cosine_similarity(o, y, dim=1), "real"),
    "log cosh": (lambda o, y: torch.log(torch.cosh(o - y)).sum(1), "real"),
    "a mean": (lambda o, y: F.cross_entropy(o, y), "label"),
}  # fmt: skip


def targets(kind, n, draw):
    """(n,) or (n, C)."""
    label = torch.randint(0, C, (n,), generator=draw)
    if kind == "label":
        return label
    if kind == "distribution":
        return F.one_hot(label, C).double()
    return torch.randn(n, C, generator=draw, dtype=torch.float64)
