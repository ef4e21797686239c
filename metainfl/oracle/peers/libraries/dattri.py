"""dattri's influence functions: test' C^{-1} train of the mean loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from metainfl.oracle.peers.libraries.peer import Peer, damping
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def _dattri(cls: str, **options: Any) -> Callable[[PeerProblem, int], Array]:
    """test' C^{-1} train of the mean loss: plus sign, (training, tests)."""

    def run(problem: PeerProblem, size: int) -> Array:
        from dattri.algorithm import influence_function
        from dattri.task import AttributionTask

        dtype = options.get("dtype", torch.float64)
        x, y, tx, ty = problem.tensors(dtype)
        model = problem.model(dtype)

        def loss(parameters: Any, data: Any) -> torch.Tensor:
            a, b = data
            a = a.unsqueeze(0) if a.ndim == 1 else a
            return cross_entropy(torch.func.functional_call(model, parameters, a), b.reshape(-1))

        task = AttributionTask(loss_func=loss, model=model, checkpoints=model.state_dict())
        extra = {k: v(problem) if callable(v) else v for k, v in options.items() if k != "dtype"}
        attributor = getattr(influence_function, cls)(task=task, **extra)
        attributor.cache(DataLoader(TensorDataset(x, y), batch_size=size))
        train = DataLoader(TensorDataset(x, y), batch_size=problem.n)
        test = DataLoader(TensorDataset(tx, ty), batch_size=problem.m)
        return attributor.attribute(train, test).detach().double().numpy()

    return run


_REG = {"regularization": damping}
_CG = {**_REG, "max_iter": 200, "tol": 1e-12}
_F32 = {"dtype": torch.float32}
_EXPLICIT = _dattri("IFAttributorExplicit", **_REG)
PEERS = (
    Peer("dattri", "Explicit, one batch", _EXPLICIT, True, sign=-1),
    Peer("dattri", "Explicit, two batches", _EXPLICIT, True, sign=-1, batches=2),
    Peer("dattri", "CG, one batch", _dattri("IFAttributorCG", **_CG), True, sign=-1),
    Peer("dattri", "CG, two batches", _dattri("IFAttributorCG", **_CG), True, sign=-1, batches=2),
    Peer("dattri", "LiSSA, float64", _dattri("IFAttributorLiSSA"), True, sign=-1),
    Peer("dattri", "Arnoldi, float64", _dattri("IFAttributorArnoldi", **_REG), True, sign=-1),
    Peer(
        "dattri", "Arnoldi, float32", _dattri("IFAttributorArnoldi", **_REG, **_F32), True, sign=-1
    ),
    Peer("dattri", "DataInf, float32", _dattri("IFAttributorDataInf", **_REG, **_F32), sign=-1),
    Peer("dattri", "EK-FAC", _dattri("IFAttributorEKFAC", damping=damping), sign=-1),
)
