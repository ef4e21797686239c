"""Targets that cannot be answered are named before anything is computed, in every method that takes them."""

import pytest
import torch

import metainfl as mi
from metainfl.influence import Stored, adapted
from metainfl.methods.features.trak import trak
from metainfl.methods.implicit.fast_if import fast_if
from metainfl.methods.implicit.fi_active import fi_active
from metainfl.methods.implicit.influence_measure import fi_util, influence_measure
from metainfl.methods.implicit.kfsvd import kfsvd
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.methods.run.tracin import tracin
from metainfl.scale.streamed import streamed
from metainfl.training import SGD, Recipe, train

D = torch.float64
G = torch.Generator().manual_seed(0)
X, Y = torch.randn(3, 4, 3, dtype=D, generator=G), torch.randint(2, (3, 4), generator=G)
ASKED = [mi.query(0, 0), mi.query(1, 2)]


@pytest.fixture(scope="module")
def subject():
    p = mi.Problem(mi.Linear(3, 2), mi.Tasks(X, Y, X, Y), mi.NoAdaptation(),
                   inner_loss=mi.cross_entropy, outer_reg=0.5)  # fmt: skip
    p.solve()
    run = train(p, Recipe(optimiser=SGD(), rate=0.1, steps=1), progress=False)
    return p, run


def nan():
    tasks = mi.Tasks(X, Y, X, Y)
    tasks.query_x[1, 2, 0] = torch.nan
    return tasks


NEAR = {"features": X[0], "target_features": X[0, :3], "neighbours": 1}
WAYS = {
    "scores": lambda p, run, t: mi.scores(p, ASKED, t),
    "FI": lambda p, run, t: influence_measure(p, ASKED, t),
    "FI-util": lambda p, run, t: fi_util(p, ASKED, t),
    "KFSVD": lambda p, run, t: kfsvd(p, ASKED, t, rank=2),
    "TRAK": lambda p, run, t: trak(p, ASKED, t, damping=1.0),
    "RelatIF": lambda p, run, t: relatif(p, ASKED, t),
    "renormalised": lambda p, run, t: renormalised_if(p, ASKED, t),
    "FastIF": lambda p, run, t: fast_if(p, [*ASKED, *ASKED], t, **NEAR),
    "stored": lambda p, run, t: Stored(torch.zeros(1, 6, dtype=D), ASKED[:1], p.lam).scores(p, t),
    "losses": lambda p, run, t: mi.removal.target_losses(p, p.lam[None], t),
    "run": lambda p, run, t: run.scores(t, ASKED),
    "run's losses": lambda p, run, t: run.target_losses(t),
    "TracIn": lambda p, run, t: tracin(run, ASKED, t),
    "streamed": lambda p, run, t: streamed(p, ASKED, t, "/dev/null/none"),
}
UNREAD = {
    "FI-active": lambda p, run, t: fi_active(p, ASKED, t),
    "re-adapted": lambda p, run, t: mi.removal.readapted(p, p.lam[None], t),
    "adaptation": lambda p, run, t: adapted.adaptation_influence(p, p.lam[None], t),
}


@pytest.mark.parametrize("given", [None, [X, Y], X, "all", [mi.task(0)]])
@pytest.mark.parametrize("way", [*WAYS, *UNREAD])
def test_what_is_no_tasks(subject, way, given):
    """Guards None, which was answered as the problem's own tasks, and AttributeErrors."""
    with pytest.raises(mi.InvalidTasks, match=r"must be metainfl\.Tasks"):
        {**WAYS, **UNREAD}[way](*subject, given)


@pytest.mark.parametrize("label", [2, -1])
@pytest.mark.parametrize("way", [w for w in WAYS if w != "streamed"])
def test_a_label_that_is_no_class(subject, way, label):
    """Guards labels of targets that are read as others, or reach torch's own complaint."""
    y = Y.clone()
    y[1, 3] = label
    with pytest.raises(mi.InvalidProblem, match=f"query label {label} of target 1 is no class"):
        WAYS[way](*subject, mi.Tasks(X, Y, X, y))


@pytest.mark.parametrize("way", [*[w for w in WAYS if w != "streamed"], "FI-active"])
def test_inputs_of_another_shape_or_not_finite(subject, way):
    """Guards the advice to give product='forward' for a mistake of shapes, and NaN in an answer."""
    ask, narrow = {**WAYS, **UNREAD}[way], X[..., :2]
    with pytest.raises(mi.InvalidProblem, match=r"\(4, 2\) of (target|the pool's task) 0") as found:
        ask(*subject, mi.Tasks(narrow, Y, narrow, Y))
    assert "product=" not in str(found.value)
    with pytest.raises(mi.NotFinite, match=r"1 is not finite|of query instance 2"):
        ask(*subject, nan())


@pytest.mark.parametrize("way", ["FI", "FI-util", "KFSVD"])
def test_an_answer_that_overflows(subject, way):
    """Guards infinity that is returned without a word."""
    with pytest.raises(mi.NotFinite, match="FI of"):
        WAYS[way](*subject, mi.Tasks(X, Y, 1e200 * X, Y))


def test_labels_of_a_pool_are_not_read(subject):
    """Guards checks of labels that a pool does not have yet."""
    found = [fi_active(subject[0], ASKED, mi.Tasks(X, Y, X, y)) for y in (Y, Y - 100)]
    assert torch.equal(*found)
