"""One calculus for every family: derivatives of L(lam) = Q(lam, z(lam)) where G(lam, z) = 0.

z is what adaptation produces: task parameters, all k iterates of MAML, or prototypes. With

    J = -G_z^{-1} G_lam                     (= d z / d lam)
    mu = -G_z^{-T} Q_z                      (the multipliers)
    Lag(lam, z) = Q(lam, z) + mu . G(lam, z)

the derivatives of the total loss, in lam and in any weight or input pi, are

    D L        = Q_lam + J' Q_z
    D^2 L      = Lag_ll + Lag_lz J + J' Lag_zl + J' Lag_zz J
    d z/d pi   = -G_z^{-1} G_pi
    d D L/d pi = Lag_lpi + J' Lag_zpi + (Lag_lz + J' Lag_zz) d z/d pi

(the reduced Hessian of constrained optimisation; mu is held fixed while Lag is differentiated).
For z = argmin of an inner loss, G = d L_I/d theta, and these are 001's Thm 4.1, eqs 8-9 and Remark 4.4 (002,
eqs 15-16), with d2 theta/d lam2 hidden in the contraction mu . G_zz: no third-order tensor is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metainfl_reference.linear import solve

Array = np.ndarray


@dataclass(frozen=True)
class Direction:
    """Derivatives in k perturbations: columns of Lag_lpi (p, k), Lag_zpi (m, k), G_pi (m, k)."""

    lag_l: Array
    lag_z: Array
    g: Array


@dataclass(frozen=True)
class Blocks:
    """First derivatives of Q (p,), (m,) and of G (m, p), (m, m) at one task's solution."""

    value: complex
    q_l: Array
    q_z: Array
    g_l: Array
    g_z: Array

    @cached_property
    def jacobian(self) -> Array:
        """J = d z/d lam (m, p)."""
        return -solve(self.g_z, self.g_l)

    @cached_property
    def multipliers(self) -> Array:
        """Mu (m,)."""
        return -solve(self.g_z.T, self.q_z)

    def gradient(self) -> Array:
        """D L (p,), the total gradient."""
        return self.q_l + self.jacobian.T @ self.q_z


@dataclass(frozen=True)
class Curved:
    """Second derivatives of Lag: (p, p), (p, m), (m, m)."""

    ll: Array
    lz: Array
    zz: Array


def hessian(blocks: Blocks, lag: Curved) -> Array:
    """D^2 L (p, p), the total Hessian of one task, d2 z/d lam2 included."""
    j = blocks.jacobian
    mixed = lag.lz @ j
    return lag.ll + mixed + mixed.T + j.T @ lag.zz @ j


def z_by(blocks: Blocks, pi: Direction) -> Array:
    """D z/d pi (m, k) at fixed lam: inner-IF when pi is a support weight (001, Thm 4.6)."""
    return -solve(blocks.g_z, pi.g)


def cross(blocks: Blocks, lag: Curved, pi: Direction) -> Array:
    """D D L/d pi (p, k)."""
    j = blocks.jacobian
    return pi.lag_l + j.T @ pi.lag_z + (lag.lz + j.T @ lag.zz) @ z_by(blocks, pi)
