"""captum's influence functions and TracIn."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from metainfl.oracle.peers.libraries.peer import Peer
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def _captum(problem: PeerProblem, size: int) -> Array:
    """test' H^{-1} train with H of the summed loss: plus sign, (tests, training), 1/n of the mean form."""
    from captum.influence._core.influence_function import NaiveInfluenceFunction

    x, y, tx, ty = problem.tensors()
    model = problem.model()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.pt")
        torch.save(model.state_dict(), path)

        def load(m: nn.Module, where: str) -> float:
            m.load_state_dict(torch.load(where))
            return 1.0

        method = NaiveInfluenceFunction(
            model,
            TensorDataset(x, y),
            path,
            checkpoints_load_func=load,
            loss_fn=nn.CrossEntropyLoss(reduction="none"),
            batch_size=size,
            projection_dim=problem.components * 10,
            hessian_reg=problem.n * problem.d,
        )
        return problem.n * method.influence((tx, ty)).detach().numpy()


PEERS = (
    Peer("captum", "NaiveInfluenceFunction", _captum, True, sign=-1, transposed=True, batches=2),
)
