"""k-NN Shapley (003, eq. 26), and the enumeration that says which value function it belongs to.

    v(S)  = (1/k) #{i among the k nearest of S : y_i = y}       (eq. 25 prints a minus sign)
    phi_n = [y_n = y]/n,   phi_i = phi_{i+1} + ([y_i = y] - [y_{i+1} = y])/k min(k, i)/i
with instances sorted by distance, i = 1 nearest. Subsets smaller than k divide by k all the same.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer
from metainfl_reference.wide import EPS

Array = np.ndarray


def closed_form(match: Array, k: int) -> Answer:
    """Phi (n,) from match[i] = [y_i = y], sorted nearest first."""
    n = len(match)
    phi = np.empty(n)
    phi[n - 1] = match[n - 1] * min(k, n) / (k * n)  # eq. 26 assumes n >= k, where this is match/n
    for i in range(n - 2, -1, -1):
        step = (float(match[i]) - float(match[i + 1])) / k * min(k, i + 1) / (i + 1)
        phi[i] = phi[i + 1] + step
    return Answer(phi, n * EPS * np.cumsum(np.abs(phi)[::-1])[::-1] + EPS)  # a running sum


def game(match: Array, k: int) -> Answer:
    """v(S) for all subsets (2^n,)."""
    n = len(match)
    out = np.empty(2**n)
    for s in range(2**n):
        members = [i for i in range(n) if (s >> i) & 1][:k]
        out[s] = sum(float(match[i]) for i in members) / k
    return Answer(out, EPS * out)
