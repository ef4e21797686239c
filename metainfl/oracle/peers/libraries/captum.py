"""captum's influence functions and TracIn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from metainfl.oracle.peers.libraries.peer import Peer
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def _load(model: nn.Module, where: str) -> float:
    """Reads a checkpoint; its learning rate is 1."""
    model.load_state_dict(torch.load(where))
    return 1.0


def _naive(problem: PeerProblem, size: int) -> Array:
    """test' H^{-1} train with H of the summed loss: plus sign, (tests, training), 1/n of the mean form."""
    from captum.influence._core.influence_function import NaiveInfluenceFunction

    x, y, tx, ty = problem.tensors()
    model = problem.model()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.pt")
        torch.save(model.state_dict(), path)

        method = NaiveInfluenceFunction(
            model,
            TensorDataset(x, y),
            path,
            checkpoints_load_func=_load,
            loss_fn=nn.CrossEntropyLoss(reduction="none"),
            batch_size=size,
            projection_dim=problem.components * 10,
            hessian_reg=problem.n * problem.d,
        )
        return problem.n * method.influence((tx, ty)).detach().numpy()


def tracin(
    model: nn.Module,
    data: Sequence[torch.Tensor],
    size: int,
    *,
    fast: bool = False,
    reduction: str = "sum",
    checkpoints: Sequence[dict[str, torch.Tensor]] = (),
    rates: Sequence[float] = (1.0,),
) -> Array:
    """sum_c rate_c g_t' g_i (tests, training), g by the parameters, or by the last layer's weight."""
    from captum.influence import TracInCP, TracInCPFast

    x, y, tx, ty = data
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for c, state in enumerate(checkpoints or (model.state_dict(),)):
            paths.append(str(Path(folder) / f"{c}.pt"))
            torch.save(state, paths[-1])
        rate = dict(zip(paths, rates, strict=True))
        common = {
            "checkpoints_load_func": lambda m, where: _load(m, where) * rate[where],
            "loss_fn": nn.CrossEntropyLoss(reduction=reduction),
            "batch_size": size,
        }
        train = TensorDataset(x, y)
        if fast:
            method = TracInCPFast(model, list(model.children())[-1], train, paths, **common)
        else:
            per_batch = reduction != "none"
            method = TracInCP(model, train, paths, sample_wise_grads_per_batch=per_batch, **common)
        return method.influence((tx, ty)).detach().numpy()


def _tracin(fast: bool) -> Callable[[PeerProblem, int], Array]:
    """One checkpoint, the minimiser, at rate 1: plus sign, (tests, training), no curvature."""
    return lambda problem, size: tracin(problem.model(), problem.tensors(), size, fast=fast)


PEERS = (
    Peer("captum", "NaiveInfluenceFunction", _naive, True, sign=-1, transposed=True, batches=2),
    Peer("captum", "TracInCP", _tracin(fast=False), sign=-1, transposed=True, batches=2),
    Peer("captum", "TracInCPFast", _tracin(fast=True), sign=-1, transposed=True, batches=2),
)
