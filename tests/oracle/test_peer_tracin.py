"""captum's TracIn against gradient dot products: losses, checkpoints, rates, and a bias."""

import numpy as np
import pytest
import torch

from metainfl.oracle.measure import distance
from metainfl.oracle.peers.problem import PeerProblem

pytest.importorskip("captum", reason="pip install 'metainfl[peers]'")
from metainfl.oracle.peers.libraries.captum import tracin

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PROBLEM = PeerProblem(n=60, m=5, components=6)
ROUNDING = 1e-13  # sums of at most 70 products in float64: 70 x 1.1e-16, and some for the softmax


def parts(weight):
    """x' x' and g' g of tests with training images (m, n), g the output gradients."""
    x, y, tx, ty = PROBLEM.data
    soft = [np.exp(a @ weight.T) for a in (x, tx)]
    g, gt = (
        p / p.sum(1, keepdims=True) - np.eye(10)[k] for p, k in zip(soft, (y, ty), strict=True)
    )
    return tx @ x.T, gt @ g.T


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
@pytest.mark.parametrize("size", [60, 25])
def test_each_loss_and_batch_size_gives_the_dot_product(fast, reduction, size):
    if fast and reduction == "none":
        pytest.skip("TracInCPFast takes reduced losses only")
    features, outputs = parts(PROBLEM.model()[0].weight.detach().numpy())
    got = tracin(PROBLEM.model(), PROBLEM.tensors(), size, fast=fast, reduction=reduction)
    assert distance(got, features * outputs).relative < ROUNDING


def test_checkpoints_are_summed_by_their_rates():
    model = PROBLEM.model()
    states = [{k: s * v for k, v in model.state_dict().items()} for s in (1.0, 0.5, 0.0)]
    rates = (0.1, 2.0, 3.0)
    got = tracin(model, PROBLEM.tensors(), 25, checkpoints=states, rates=rates)
    terms = [np.multiply(*parts(s["0.weight"].numpy())) for s in states]
    assert distance(got, sum(r * t for r, t in zip(rates, terms, strict=True))).relative < ROUNDING


def test_the_fast_form_leaves_the_bias_of_the_last_layer_out():
    """With a bias the layer's gradients have x' x + 1 in place of x' x."""
    weight = PROBLEM.model()[0].weight.detach()
    layer = torch.nn.Linear(PROBLEM.components, 10).double()
    layer.load_state_dict({"weight": weight, "bias": torch.zeros(10, dtype=torch.float64)})
    model = torch.nn.Sequential(layer)
    features, outputs = parts(weight.numpy())
    full, fast = (tracin(model, PROBLEM.tensors(), 60, fast=f) for f in (False, True))
    assert distance(full, (features + 1) * outputs).relative < ROUNDING
    assert distance(fast, features * outputs).relative < ROUNDING
    assert distance(fast, full).relative > 0.1
