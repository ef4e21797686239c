"""kronfluence's factors: test' C^{-1} train of the mean loss."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from metainfl.oracle.peers.libraries.peer import Peer
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def _kronfluence(strategy: str, empirical: bool = False) -> Callable[[PeerProblem, int], Array]:
    """test' C^{-1} train with C of the mean loss: plus sign, (tests, training)."""

    def run(problem: PeerProblem, size: int) -> Array:
        from kronfluence.analyzer import Analyzer, prepare_model
        from kronfluence.arguments import FactorArguments, ScoreArguments
        from kronfluence.task import Task

        class Classification(Task):
            def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Any:
                x, y = batch
                out = model(x)
                if sample:
                    y = torch.multinomial(torch.softmax(out.detach(), -1), 1).flatten()
                return cross_entropy(out, y, reduction="sum")

            def compute_measurement(self, batch: Any, model: nn.Module) -> Any:
                return cross_entropy(model(batch[0]), batch[1], reduction="sum")

        x, y, tx, ty = problem.tensors(torch.float32)
        train, test = TensorDataset(x, y), TensorDataset(tx, ty)
        with tempfile.TemporaryDirectory() as folder:
            task = Classification()
            analyzer = Analyzer(
                "peer",
                prepare_model(problem.model(torch.float32), task),
                task,
                cpu=True,
                output_dir=folder,
                disable_tqdm=True,
                disable_model_save=True,
                log_level=logging.ERROR,
            )
            arguments = FactorArguments(strategy=strategy, use_empirical_fisher=empirical)
            analyzer.fit_all_factors("f", train, per_device_batch_size=size, factor_args=arguments)
            analyzer.compute_pairwise_scores(
                "s",
                "f",
                test,
                train,
                per_device_query_batch_size=problem.m,
                per_device_train_batch_size=size,
                score_args=ScoreArguments(damping_factor=problem.d),
            )
            return analyzer.load_pairwise_scores("s")["all_modules"].double().numpy()

    return run


PEERS = tuple(
    Peer("kronfluence", name, run, sign=-1, transposed=True)
    for name, run in (
        ("ekfac", _kronfluence("ekfac")),
        ("ekfac, empirical", _kronfluence("ekfac", True)),
        ("kfac", _kronfluence("kfac")),
        ("diagonal", _kronfluence("diagonal")),
    )
)
