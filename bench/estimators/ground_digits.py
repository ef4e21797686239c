"""Tasks and instances of digits, as many as are asked for."""

from __future__ import annotations

import numpy as np

from metainfl.data import digit_tasks
from metainfl.data.digits import principal_pixels
from metainfl_reference.episodes import Episodes

TARGETS = 2


def tasks_like(n, components, seed=0):
    """Five-way digit tasks, one shot, two queries; each episode has its own labels."""
    return digit_tasks(components=components, shots=1, queries=2, seed=seed, tasks=n)


def instances_like(n, components, outputs, seed=0, each=3):
    """Single-level: n groups of `each` images of digits, one-hot targets, or 1 and -1 for one output."""
    x, labels = principal_pixels(components)
    rows = np.flatnonzero(labels < 3)
    rows = np.random.default_rng(seed).permutation(rows)[: n * each]
    y = 2.0 * (labels[rows, None] == 1) - 1 if outputs == 1 else np.eye(outputs)[labels[rows]]
    x, y = x[rows].reshape(n, each, -1), y.reshape(n, each, -1)
    return Episodes(x[:, :0], y[:, :0], x, y)
