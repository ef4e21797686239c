"""traker's TRAK against its definition, with its own projection."""

import numpy as np
import pytest
import torch

from metainfl.oracle.measure import distance
from metainfl.oracle.peers.libraries import PEERS
from metainfl.oracle.peers.margins import gram, margin_gradients, trak
from metainfl.oracle.peers.problem import PeerProblem
from metainfl.oracle.peers.recognise import recognise

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PROBLEM = PeerProblem(n=60, m=5, components=6)
RUNS = {p.name: p for p in PEERS if p.library == "trak"}
EPS = np.finfo(np.float32).eps


def raw(name):
    return RUNS[name].scores(PROBLEM)[0]


def recentred(projection=None):
    """The definition, with the inverse divided by the mean of its absolute values."""
    inverse = np.linalg.inv(gram(PROBLEM, projection) / (PROBLEM.components * 10))
    return trak(PROBLEM, projection) / np.abs(inverse).mean()


def test_the_margin_is_what_torch_differentiates():
    x, y, _, _ = PROBLEM.tensors()
    layer = PROBLEM.model()[0]

    def margin(weight, a, b):
        p = torch.softmax(weight @ a, 0)[b]
        return torch.log(p) - torch.log(1 - p)

    want = [torch.func.grad(margin)(layer.weight.detach(), a, b) for a, b in zip(x, y, strict=True)]
    want = torch.stack(want).reshape(PROBLEM.n, -1).numpy()
    assert distance(margin_gradients(PROBLEM, *PROBLEM.data[:2]), want).relative < 1e-12


def test_recognition_needs_no_library():
    words = recognise(PROBLEM, 0.25 * trak(PROBLEM), 60)
    assert words == "equals 0.25 times TRAK without projection"


def test_without_projection_it_is_the_definition():
    pytest.importorskip("trak", reason="pip install 'metainfl[peers]'")
    bound = EPS * np.linalg.cond(gram(PROBLEM))
    assert distance(raw("TRAK, no projection"), recentred()).relative < bound


def test_projected_it_is_the_definition_at_its_own_matrix():
    pytest.importorskip("trak", reason="pip install 'metainfl[peers]'")
    from metainfl.oracle.peers.libraries.trak import projector

    p = PROBLEM.components * 10
    matrix = projector(p, 512).project(torch.eye(p), 0).double().numpy()
    bound = EPS * np.linalg.cond(gram(PROBLEM, matrix))
    assert distance(raw("TRAK, projected to 512"), recentred(matrix)).relative < bound


def test_a_projection_of_one_block_cannot_score():
    """Its matrix is freed after the training features and, unlike those of blocks, not made again."""
    pytest.importorskip("trak", reason="pip install 'metainfl[peers]'")
    with pytest.raises(AttributeError, match="proj_matrix"):
        raw("TRAK, projected to 64")
