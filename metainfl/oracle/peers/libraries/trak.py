"""traker's TRAK, in float32: half precision, its default, is good to three digits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable

import numpy as np
import torch

from metainfl.oracle.peers.libraries.peer import Peer
from metainfl.oracle.peers.margins import confidence
from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


def projector(parameters: int, width: int) -> object:
    """Its projector to `width` dimensions, which makes P block by block; 0: none."""
    from trak.projectors import BasicProjector, NoOpProjector

    if width == 0:
        return NoOpProjector(device="cpu")
    return BasicProjector(parameters, width, 0, "normal", "cpu")


def _trak(width: int) -> Callable[[PeerProblem, int], Array]:
    """Scores of margins in the sum form, plus sign, (training, tests), up to a factor.

    Gradients are divided by sqrt(parameters) before `lambda_reg` is added, and P'P is about `width`.
    The inverse is divided by the mean of its absolute values: that factor stays.
    """

    def run(problem: PeerProblem, size: int) -> Array:
        from trak import TRAKer

        x, y, tx, ty = problem.tensors(torch.float32)
        model = problem.model(torch.float32)
        parameters = problem.components * 10
        with tempfile.TemporaryDirectory() as folder:
            method = TRAKer(
                model,
                "image_classification",
                problem.n,
                save_dir=folder,
                device="cpu",
                projector=projector(parameters, width),
                use_half_precision=False,
                lambda_reg=problem.n * problem.d * max(width, 1) / parameters,
                logging_level=logging.ERROR,
            )
            method.load_checkpoint(model.state_dict(), model_id=0)
            for start in range(0, problem.n, size):
                rows = slice(start, start + size)
                method.featurize((x[rows], y[rows]), num_samples=len(x[rows]))
            method.finalize_features()
            method.start_scoring_checkpoint("tests", model.state_dict(), 0, problem.m)
            method.score((tx, ty), num_samples=problem.m)
            raw = np.array(method.finalize_scores("tests"), dtype=float)
        own = confidence(problem, *problem.data[2:])[1]
        return problem.n * raw * (1 - own)

    return run


PEERS = tuple(
    Peer("trak", name, _trak(width), sign=-1, batches=2, package="traker")
    for name, width in (
        ("TRAK, no projection", 0),
        ("TRAK, projected to 512", 512),
        ("TRAK, projected to 64", 64),
    )
)
