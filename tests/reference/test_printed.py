"""Formulas of the papers that are right as printed, and that nothing else computes, by a second route."""

import numpy as np

from metainfl_reference.errata.paper_001 import outer_gradient
from metainfl_reference.errata.paper_002_divergence import (
    probabilities,
    second_order_corrected,
    slopes,
)
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import classification, small
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.perturbation import support

H = 1e-30


def test_the_change_of_the_outer_loss():
    """001, Thm 4.7: P = -dL_O/dtheta . inner-IF is the change of L_O by the removal, to first order."""
    family = small("proximal_softmax", 0)
    at, k = family.solve(), 1
    x, y = family.episodes.support_x[k], family.episodes.support_y[k]
    inner = LinearModelSum(x, y, np.ones(len(x)), family.task_parameters(k, at.lam), "softmax")
    curvature = inner.hessian() + family.d_in * np.eye(inner.size)
    inner_if = -np.linalg.solve(curvature, inner.gradient_by_weight())
    p = -outer_gradient(family, k, at) @ inner_if
    for j in range(len(x)):
        loss = family.task(k, at.lam, at.weights.moved(support(k, j), -1j * H)).loss
        assert abs(p[j] - loss.imag / H) <= 1e-12 * np.abs(p).max()


def test_the_third_order_tensor_of_maml():
    """002, A.2: d2 theta/d theta_0^2 = -alpha d3 L^i after one step, from the Jacobian by complex step."""
    e = classification(1)
    family = FAMILIES["maml_softmax"](e, d_out=0.5, steps=1, alpha=0.1)
    lam = np.random.default_rng(0).standard_normal(family.n_meta)
    inner = LinearModelSum(
        e.support_x[0], e.support_y[0], np.ones(len(e.support_x[0])), lam, "softmax"
    )
    for direction in np.eye(family.n_meta):
        moved = np.imag(family.task_jacobian(0, lam + 1j * H * direction)) / H
        assert np.abs(-0.1 * inner.third(direction) - moved).max() <= 1e-14


def test_the_fisher_metric_in_logits():
    """002, A.3: E d log P d log P = sum_nkj sigma_k (delta_kj - sigma_j) dy_nk dy_nj, the first term of
    eq. 10; the coefficients of its second term sum to 0 over k.
    """
    rng = np.random.default_rng(0)
    x, omega = rng.standard_normal((6, 2)), rng.standard_normal((3, 2))
    p = probabilities(x, omega)
    s, dy = 6 * p, np.einsum("nk,nd,kc->nckd", 1 + x @ omega.T, x, np.eye(3)).reshape(6, 3, 6)
    eye = np.eye(3)
    logits = np.einsum("nk,nkj,nka,njb->ab", s, eye - s[:, None], dy, dy) / 6
    expected = second_order_corrected(p, slopes(x, omega))
    assert np.abs(logits - expected).max() <= 1e-14 * np.abs(expected).max()
    targets = eye[[0, 1, 2, 0, 1, 2]]
    assert np.abs(np.einsum("nj,njk->n", targets, eye - s[:, None])).max() <= 1e-15
