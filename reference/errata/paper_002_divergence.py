"""Paper 002, A.3: the Kullback-Leibler divergence to second order, as printed, and corrected."""

from __future__ import annotations

import numpy as np

from metainfl_reference.errata.erratum import Erratum, Measured

Array = np.ndarray


def probabilities(x: Array, omega: Array) -> Array:
    """P(c|x) = softmax of y_k = u_k + u_k^2/2, u = omega x; x one of n with P(x) = 1/n: (n, K)."""
    u = x @ omega.T
    e = np.exp(u + u**2 / 2)
    return e / e.sum(axis=1, keepdims=True) / len(x)


def slopes(x: Array, omega: Array) -> Array:
    """d P/d omega (n, K, K d), by complex step."""
    out = []
    for i in range(omega.size):
        step = omega.astype(complex)
        step.flat[i] += 1e-30j
        out.append(probabilities(x, step).imag / 1e-30)
    return np.stack(out, axis=2)


def second_order_as_printed(p: Array, d: Array) -> Array:
    """int d_mu P (d_nu P)^2 / P. (The other term, -int d_mu d_nu P, is zero.)"""
    return np.einsum("nka,nkb->ab", d / p[..., None], d**2)


def second_order_square_of_p(p: Array, d: Array) -> Array:
    """The square read as P's: int d_mu P d_nu (P^2) / P."""
    return 2 * np.einsum("nka,nkb->ab", d, d)


def second_order_corrected(p: Array, d: Array) -> Array:
    """int d_mu P d_nu P / P, the Fisher metric of its next line."""
    return np.einsum("nka,nkb->ab", d / p[..., None], d)


def divergence_gradient(x: Array, at: Array, omega: Array) -> Array:
    """Gradient of D_KL(P(at), P(omega)) in omega: sum (sigma - sigma*) dy, by hand."""
    p, target, u = probabilities(x, omega), probabilities(x, at), x @ omega.T
    return np.einsum("nk,nd->kd", (p - target) * (1 + u), x).reshape(-1)


def divergence_hessian(x: Array, at: Array) -> Array:
    """Its derivative at omega = at, by complex step."""
    out = []
    for i in range(at.size):
        step = at.astype(complex)
        step.flat[i] += 1e-30j
        out.append(divergence_gradient(x, at, step).imag / 1e-30)
    return np.stack(out, axis=1)


def _square() -> Measured:
    rng = np.random.default_rng(0)
    x, omega = rng.standard_normal((6, 2)), rng.standard_normal((3, 2))
    p, d, truth = probabilities(x, omega), slopes(x, omega), divergence_hessian(x, omega)
    forms = (second_order_as_printed, second_order_square_of_p, second_order_corrected)
    errors = [float(np.linalg.norm(f(p, d) - truth) / np.linalg.norm(truth)) for f in forms]
    unit = "relative distance from D_KL's Hessian by complex step (printed: the nearer of both readings)"
    return Measured(min(errors[:2]), errors[2], unit, 0.1)


ERRATA = (
    Erratum(
        "a.3-square",
        "002, A.3 (text machine-extracted)",
        "second-order term of D_KL with a square: d_mu P d_nu P^2 / P",
        "d_mu P d_nu P / P, which the line below and eq. 17 need; check a stray square against the PDF",
        _square,
    ),
)
