"""The global random states: kept for the caller, and set by a seed for a method."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

UNLIKELY = 97_000_001


@contextlib.contextmanager
def keep_rng() -> Iterator[None]:
    """Global random states of torch, numpy and random are put back afterwards."""
    state = (torch.get_rng_state(), np.random.get_state(), random.getstate())
    try:
        yield
    finally:
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])
        random.setstate(state[2])


def seeded(seed: int) -> None:
    """Global random states that depend on the seed alone, and that no method is likely to set."""
    torch.manual_seed(seed + UNLIKELY)
    np.random.seed((seed + UNLIKELY) % 2**32)
    random.seed(seed + UNLIKELY)
