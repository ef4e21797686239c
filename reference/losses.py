"""Losses of one instance as a function of its outputs z (c,), with derivatives to third order.

squared:  l = |z - y|^2 / 2
softmax:  l = sum_b y_b (logsumexp(z) - z_b); y may be any vector, its sum is carried along.
With s = softmax(z) and m = sum_b y_b:
    l'   = m s - y
    l''  = m (diag s - s s')
    l''' = m (d_abc s_a - d_ab s_a s_c - d_ac s_a s_b - d_bc s_b s_a + 2 s_a s_b s_c)
All functions are analytic, so complex arguments give complex-step derivatives.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from metainfl_reference.wide import real

Array = np.ndarray
Name = Literal["squared", "softmax"]


class Jet:
    """Losses of n instances at outputs z (n, c) against targets y (n, c); derivatives when asked."""

    def __init__(self, name: Name, z: Array, y: Array) -> None:
        if name not in ("squared", "softmax"):
            raise ValueError(f"unknown loss {name!r}; use 'squared' or 'softmax'")
        self.name, self.z, self.y = name, z, y
        if name == "softmax":
            self.top = real(z).max(
                axis=1, keepdims=True
            )  # real, so that complex step stays analytic
            e = np.exp(z - self.top)
            self.total = e.sum(axis=1, keepdims=True)
            self.s, self.m = e / self.total, y.sum(axis=1)

    @cached_property
    def value(self) -> Array:
        """L (n,)."""
        if self.name == "squared":
            return 0.5 * np.sum((self.z - self.y) ** 2, axis=1)
        log_total = np.log(self.total[:, 0]) + self.top[:, 0]
        return self.m * log_total - np.sum(self.y * self.z, axis=1)

    @cached_property
    def d1(self) -> Array:
        """L' (n, c)."""
        return self.z - self.y if self.name == "squared" else self.m[:, None] * self.s - self.y

    @cached_property
    def d2(self) -> Array:
        """L'' (n, c, c)."""
        n, c = self.z.shape
        if self.name == "squared":
            return np.broadcast_to(np.eye(c), (n, c, c))
        s = self.s
        return self.m[:, None, None] * (s[:, :, None] * np.eye(c) - s[:, :, None] * s[:, None, :])

    @cached_property
    def d3(self) -> Array:
        """L''' (n, c, c, c)."""
        n, c = self.z.shape
        if self.name == "squared":
            return np.zeros((n, c, c, c))
        s, eye = self.s, np.eye(c)
        ss = s[:, :, None] * s[:, None, :]
        out = (
            np.einsum("na,ab,ac->nabc", s, eye, eye)
            - np.einsum("nac,ab->nabc", ss, eye)
            - np.einsum("nab,ac->nabc", ss, eye)
            - np.einsum("nab,bc->nabc", ss, eye)
            + 2 * ss[:, :, :, None] * s[:, None, None, :]
        )
        return self.m[:, None, None, None] * out
