"""curvlinops' curvature matrices of the mean loss; the solve and the sign are ours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from metainfl.oracle.peers.libraries.peer import Peer
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def _curvlinops(kind: str, fisher: str | None = None) -> Callable[[PeerProblem, int], Array]:
    """A curvature matrix of the mean loss; the solve and the sign are ours."""

    def run(problem: PeerProblem, size: int) -> Array:
        import curvlinops

        from metainfl.oracle.peers.fisher import probabilities

        x, y, _, _ = problem.tensors()
        model = problem.model()
        data = [(x[i : i + size], y[i : i + size]) for i in range(0, problem.n, size)]
        options = {} if fisher is None else {"fisher_type": fisher}
        a = getattr(curvlinops, kind)(
            model, nn.CrossEntropyLoss(), list(model.parameters()), data, **options
        )
        p = problem.components * 10
        matrix = (a @ torch.eye(p, dtype=torch.float64)).numpy() + problem.d * np.eye(p)
        tests = problem.test_gradients.reshape(problem.components, 10, -1)
        g = np.einsum(
            "na,nb->nab", probabilities(problem) - np.eye(10)[problem.data[1]], problem.data[0]
        )
        flat = tests.transpose(1, 0, 2).reshape(p, -1)
        return -g.reshape(problem.n, p) @ np.linalg.solve(matrix, flat)

    return run


PEERS = tuple(
    Peer("curvlinops", name, run, exact, batches=2, package="curvlinops-for-pytorch")
    for name, run, exact in (
        ("Hessian", _curvlinops("HessianLinearOperator"), True),
        ("EK-FAC, default", _curvlinops("EKFACLinearOperator"), False),
        ("EK-FAC, type-2", _curvlinops("EKFACLinearOperator", "type-2"), False),
        ("EK-FAC, empirical", _curvlinops("EKFACLinearOperator", "empirical"), False),
    )
)
