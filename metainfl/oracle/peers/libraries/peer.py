"""What a peer is: how to call a library's method, and how its scores map to ours."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


@dataclass(frozen=True)
class Peer:
    """A library's method: how to call it, and its declared convention."""

    library: str
    name: str
    run: Callable[[PeerProblem, int], Array]
    exact: bool = False
    sign: int = 1
    transposed: bool = False
    batches: int = 1
    package: str = ""  # its name on the package index, where it is not the module's

    def scores(self, problem: PeerProblem) -> tuple[Array, int]:
        """Scores in the mean form (n, m), and the batch size used."""
        size = -(-problem.n // self.batches)
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(0)  # sampled Fishers; the caller keeps the global state
            raw = self.run(problem, size)
        return self.sign * (raw.T if self.transposed else raw), size


def damping(problem: PeerProblem) -> float:
    """The L2 term of the mean loss, which libraries call damping or regularisation."""
    return problem.d
