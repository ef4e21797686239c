"""The metric of a trust region: an earlier Hessian, as coordinates."""

import pytest
import torch

from metainfl.derive.metric import FLOOR, Metric, Renewal, affordable
from metainfl.derive.minimise import Minimisation
from metainfl.derive.saddle import escape


def spread(values, seed=0):
    """A symmetric matrix with these eigenvalues."""
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(len(values), len(values), generator=g, dtype=torch.float64))[0]
    return q @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ q.T


def test_in_its_coordinates_the_hessian_is_a_matrix_of_signs():
    """Guards a metric that leaves the conditioning in, or hides negative curvature."""
    h = spread([1e4, 3.0, 0.5, -2.0])
    inner = Metric.of(h).products(h.__matmul__)(torch.eye(4, dtype=torch.float64))
    signs = torch.linalg.eigvalsh(inner)
    torch.testing.assert_close(signs, torch.tensor([-1.0, 1, 1, 1], dtype=torch.float64))


def test_coordinates_lengths_and_slopes_agree():
    """Guards a step, a slope and a length that are not of one space: g's is the same in both."""
    h = spread([50.0, 2.0, 1e-3])
    for own in (Metric.of(h), Metric()):
        u, g = torch.randn(2, 3, dtype=torch.float64).unbind()
        step = own.outward(u)
        assert own.length(step) == pytest.approx(float(u.norm()))
        assert float(own.inward(g) @ u) == pytest.approx(float(g @ step))


def test_directions_without_curvature_get_a_floor():
    """Guards steps without end along a symmetry; a Hessian of zeros is no metric at all."""
    own = Metric.of(torch.diag(torch.tensor([4.0, 0.0], dtype=torch.float64)))
    assert own.condition == pytest.approx(1 / FLOOR)
    assert Metric.of(torch.zeros(2, 2, dtype=torch.float64)).r is None


class Quadratic:
    """F = s'Hs/2."""

    def __init__(self, h, floor=None):
        self.h, self.floor = h, floor

    def objective(self, lam):
        found = 0.5 * lam @ self.h @ lam
        return found if self.floor is None else found.clamp(min=self.floor)

    def gradient(self, lam):
        return self.h @ lam

    def hessian(self, lam):
        return self.h


def test_a_new_metric_lets_as_much_pass_along_the_last_step():
    """Guards a region that shrinks or grows at each renewal, so that steps stop."""
    lam = torch.ones(3, dtype=torch.float64)
    run, used = Minimisation(lam), Renewal(Metric())
    assert used.due(run, 3)
    own = Quadratic(spread([9.0, 4.0, 1.0]))
    first = used.renew(own, run, own.gradient(lam), 7.0, None)
    step = used.metric.outward(used.metric.inward(own.gradient(lam)))
    assert first == pytest.approx(used.metric.length(step)) and run.products == 3
    other = Quadratic(spread([900.0, 400.0, 100.0]))
    later = used.renew(other, run, other.gradient(lam), first, step)
    assert later == pytest.approx(10 * first)
    assert not used.due(run, 100) and affordable(100)


@pytest.mark.parametrize(
    ("values", "floor", "word"),
    [([2.0, 1.0], None, "minimum"), ([2.0, -1.0], None, "left"), ([2.0, -1.0], 0.0, "held")],
)
def test_a_saddle_that_nothing_leaves_is_not_a_minimum(values, floor, word):
    """Guards "a local minimum" said where F has negative curvature and does not fall along it."""
    lam = torch.zeros(2, dtype=torch.float64)
    assert escape(Quadratic(spread(values), floor), Minimisation(lam)) == word
