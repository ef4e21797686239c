"""Other libraries, where they are installed: judged in their own convention."""

import importlib.util
from functools import partial

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import kronecker
from metainfl.kronecker import Recipe
from metainfl.oracle.measure import distance
from metainfl.oracle.peers import fisher
from metainfl.oracle.peers.libraries import PEERS
from metainfl.oracle.peers.problem import PeerProblem
from metainfl.oracle.peers.recognise import per_batch, recognise
from metainfl.oracle.peers.scoreboard import judge

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PROBLEM = PeerProblem(n=60, m=5, components=6)
EXPECTED = {
    ("curvlinops", "Hessian"): ("exact", "equals the exact Hessian"),
    ("captum", "NaiveInfluenceFunction"): ("exact", "equals the exact Hessian"),
    ("captum", "TracInCP"): ("approximates", "equals gradient dot product"),
    ("captum", "TracInCPFast"): ("approximates", "equals gradient dot product"),
    ("dattri", "Explicit, one batch"): ("exact", "equals the exact Hessian"),
    ("dattri", "Explicit, two batches"): ("WRONG", "sum of per-batch inverses"),
    ("dattri", "CG, one batch"): ("exact", "equals the exact Hessian"),
    ("dattri", "CG, two batches"): ("WRONG", "sum of per-batch inverses"),
    ("kronfluence", "ekfac, empirical"): ("approximates", "equals EK-FAC, empirical"),
    ("kronfluence", "ekfac"): ("approximates", "sampled Fisher"),
    ("curvlinops", "EK-FAC, type-2"): ("approximates", "equals EK-FAC, type-2"),
    ("curvlinops", "EK-FAC, empirical"): ("approximates", "equals EK-FAC, empirical"),
    ("trak", "TRAK, no projection"): ("approximates", "times TRAK without projection"),
    ("trak", "TRAK, projected to 64"): ("raises", "proj_matrix"),
    ("curvlinops", "EK-FAC, default"): ("approximates", "sampled Fisher"),
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: f"{p.library}-{p.name}")
def test_library(peer):
    if importlib.util.find_spec(peer.library) is None:
        pytest.skip(f"{peer.library} is not installed: pip install 'metainfl[peers]'")
    score = judge(peer, PROBLEM)
    if (peer.library, peer.name) in EXPECTED:
        verdict, words = EXPECTED[peer.library, peer.name]
        assert score.verdict == verdict and words in score.computes, score
    assert score.computes


def test_recognition_needs_no_library():
    mean = PROBLEM.n * PROBLEM.truth
    assert recognise(PROBLEM, mean, 60) == "equals the exact Hessian"
    assert recognise(PROBLEM, 3 * mean, 60) == "equals 3 times the exact Hessian"
    assert "batches of 20" in recognise(PROBLEM, per_batch(PROBLEM, 20), 20)
    assert distance(per_batch(PROBLEM, 60), mean).relative < 1e-12
    for kind in ("type-2", "empirical"):
        for corrected in (True, False):
            name = recognise(PROBLEM, fisher.scores(PROBLEM, kind, corrected=corrected), 60)
            assert kind in name and name.startswith(f"equals {'EK-FAC' if corrected else 'K-FAC'}")
    draw = fisher.scores(PROBLEM, "sampled", corrected=True, seed=123)
    assert "sampled Fisher" in recognise(PROBLEM, draw, 60)
    assert recognise(PROBLEM, np.full_like(mean, np.nan), 60) == "not finite"


def test_kronecker_is_exact_for_one_datum():
    """A (x) S is the Fisher itself when there is one datum."""
    one = PeerProblem(n=1, m=3, components=4, d=0.5)
    value = fisher.scores(one, "type-2", corrected=False)
    assert distance(value, one.n * one.truth).relative < 1e-12


@pytest.mark.parametrize("kind", ["type-2", "empirical"])
@pytest.mark.parametrize("corrected", [True, False])
def test_our_kronecker_factors_are_those_of_the_libraries(kind, corrected):
    """The same numbers as the definition that curvlinops and kronfluence meet above."""
    x, y, tx, ty = PROBLEM.tensors()
    eye = torch.eye(10, dtype=torch.float64)
    train = mi.Tasks(x[None, :0], eye[y][None, :0], x[None], eye[y][None])
    test = mi.Tasks(tx[:, None][:, :0], eye[ty][:, None][:, :0], tx[:, None], eye[ty][:, None])
    problem = mi.Problem(
        mi.Linear(6, 10),
        train,
        mi.NoAdaptation(),
        inner_loss=mi.cross_entropy,
        outer_reg=PROBLEM.n * PROBLEM.d,
        lam=torch.tensor(PROBLEM.case.solution.lam),
    )
    recipe = partial(kronecker, recipe=Recipe(kind, corrected))
    every = [mi.query(0, j) for j in range(PROBLEM.n)]
    ours = PROBLEM.n * mi.scores(problem, every, test, curvature=recipe).value.numpy()
    theirs = fisher.scores(PROBLEM, kind, corrected=corrected)
    assert distance(ours, theirs).relative < 1e-10
