"""Distances whose torch kernels are wrong or refused where products are batched."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from metainfl import operations
from metainfl.derive.differences import derivative_errors
from metainfl.operations import exact_derivatives
from tests.helpers import assert_close

D = torch.float64
POWERS = (0, 1, 1.5, 2, 3, math.inf)


class Metric(nn.Module):
    """Distances of embedded instances to anchors, as metric learners have them."""

    def __init__(self, distances):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.distances = nn.Linear(3, 4), distances
        self.anchors = nn.Parameter(torch.randn(2, 4))
        self.double()

    def forward(self, x):
        """(n, 2)."""
        return -self.distances(torch.tanh(self.embed(x)), self.anchors)


def among(x, anchors):
    """Each instance's distances to the anchors through pdist of all of them."""
    both, n = torch.cat([x, anchors]), len(x)
    i, j = torch.triu_indices(n + 2, n + 2, 1)
    square = both.new_zeros(n + 2, n + 2)
    square = square.index_put((i, j), F.pdist(both))
    return square[:n, n:]


DISTANCES = {
    "cdist": torch.cdist,
    "cdist, p = 3": lambda x, a: torch.cdist(x, a, p=3),
    "cdist, p = 1.5": lambda x, a: torch.cdist(x, a, p=1.5),
    "with itself": lambda x, a: torch.cdist(x, x)[:, :2] + torch.cdist(x, a),
    "pdist": among,
}


def problem_of(name, steps, **options):
    """Three tasks of noise."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 3, dtype=D, generator=g)
    net = Metric(DISTANCES[name])
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    lam = mi.FromModule(net).current()
    return mi.Problem(
        net, mi.Tasks(x, x[..., :2], x, x[..., :2]), adaptation, outer_reg=0.1, lam=lam, **options
    )


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("name", DISTANCES)
def test_gradient_and_products_one_and_many(name, order, chunk):
    """Through one MAML step, against differences: eps^(2/3) times the condition."""
    assert derivative_errors(problem_of(name, 1, product=order, chunk=chunk)).worst < 1e-6


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("steps", [0, 1])
def test_torch_alone_would_be_wrong(steps, monkeypatch):
    """Many products at once only: what looks at one sees nothing."""
    monkeypatch.setattr(operations, "INSTEAD", {})
    errors = derivative_errors(problem_of("cdist", steps, product="reverse", chunk=1))
    if errors.worst < 1e-6:
        pytest.skip(f"torch {torch.__version__} has mended cdist")
    assert errors.single < 1e-6 and errors.batched > 1e-2


@pytest.mark.parametrize("p", POWERS)
def test_values_are_those_of_torch(p):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 4, 3, dtype=D, generator=g), torch.randn(2, 5, 3, dtype=D, generator=g)
    y[0, 0] = x[0, 0]
    want = torch.cdist(x, y, p=p), F.pdist(x[0], p)
    with exact_derivatives():
        found = torch.cdist(x, y, p=p), F.pdist(x[0], p)
        assert torch.equal(torch.pdist(x[0], p), found[1])
    assert_close(found[0], want[0], 1e-14)
    assert_close(found[1], want[1], 1e-14)
