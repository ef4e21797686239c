"""Tasks that are not a problem's own (targets, new tasks) are looked at, and taken, as its own are."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.influence import adapted, removal
from metainfl.oracle import small_case
from tests.helpers import assert_close

D = torch.float64


@pytest.fixture(scope="module")
def maml():
    return small_case("maml_softmax").problem()


def labelled(first=0, ways=2, n=4, tasks=2):
    """Whole labels `first`, `first` + 1, ...: as cross_entropy takes them."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(tasks, n, 3, generator=g, dtype=D)
    y = (first + torch.arange(n) % ways).expand(tasks, n).clone()
    return mi.Tasks(x, y, x + 1, y)


def hot(k):
    y = nn.functional.one_hot(k.support_y, 2).to(D)
    return mi.Tasks(k.support_x, y, k.query_x, y)


def prototypes():
    torch.manual_seed(0)
    net = nn.Linear(3, 2).double()
    how = {"inner_loss": mi.cross_entropy, "outer_reg": 1.0}
    p = mi.Problem(net, hot(labelled()), mi.Prototypes(), **how)
    p.lam = p.own_start()
    return p


ASKED = {
    "losses": lambda p, t: p.losses(p.lam, t),
    "task_gradients": lambda p, t: p.task_gradients(p.lam, t),
    "parameters": adapted.parameters,
    "loss_gradients": adapted.loss_gradients,
    "adaptation_influence": lambda p, t: adapted.adaptation_influence(p, p.lam[None], t),
    "readapted": lambda p, t: removal.readapted(p, p.lam[None], t),
    "target_losses": lambda p, t: removal.target_losses(p, 1.1 * p.lam[None], t),
    "scores": lambda p, t: mi.scores(p, [mi.task(0)], t).value,
}


@pytest.mark.parametrize("name", ASKED)
def test_they_are_taken_in_the_precision_of_the_problem(maml, name):
    """Guards torch's own words on two precisions, where targets elsewhere are converted."""
    want = ASKED[name](maml, maml.tasks)
    assert_close(ASKED[name](maml, maml.tasks.to(dtype=torch.float32)), want, 1e-4)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_no_tasks_and_no_problem_is_named(maml, name):
    """Guards "'int' object has no attribute 'groups'", and 'lam' of what is no problem."""
    with pytest.raises(mi.InvalidTasks, match=r"must be metainfl\.Tasks, got 3"):
        ASKED[name](maml, 3)
    if name not in ("losses", "task_gradients"):
        wrong = type("Other", (), {"lam": maml.lam})()
        with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem"):
            ASKED[name](wrong, maml.tasks)


@pytest.mark.parametrize("name", [n for n in ASKED if n != "loss_gradients"])
def test_an_adaptation_looks_at_their_targets(name):
    """Guards a product of weights (n, 1) with labels (n,): prototypes of n "ways", and a number of them."""
    p = prototypes()
    for wrong in (labelled(first=1), labelled()):
        with pytest.raises(mi.InvalidProblem, match="prototypes need one-hot targets"):
            ASKED[name](p, wrong)
    k = hot(labelled())
    void = mi.Tasks(k.support_x, k.support_y.clone(), k.query_x, k.query_y)
    void.support_y[1] = torch.tensor([1.0, 0.0])
    with pytest.raises(mi.InvalidTasks, match=r"way 1 of (task|target) 1 has no support weight"):
        ASKED[name](p, void)


def test_the_task_without_a_prototype_is_named_among_tasks_of_several_shapes():
    """Guards the place in a batch of one shape for the place of the task."""
    rows = [
        {"support_x": k.support_x[0], "support_y": k.support_y[0],
         "query_x": k.query_x[0], "query_y": k.query_y[0]}
        for k in (hot(labelled(n=4)), hot(labelled(n=6)), hot(labelled(n=6)))
    ]  # fmt: skip
    rows[2]["support_y"] = rows[2]["support_y"] * torch.tensor([1.0, 0.0], dtype=D)
    with pytest.raises(mi.InvalidTasks, match="way 1 of task 2 has no support weight"):
        prototypes().replaced(tasks=mi.Tasks.ragged(rows))


class Maps(nn.Module):
    """Embeddings that are images."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)[:, :, None].expand(-1, 2, len(x))


def test_prototypes_say_which_targets_and_embeddings_they_take():
    """Guards "has no support weight" for a negative share, and torch's words on a product of shapes."""
    p, k = prototypes(), hot(labelled())
    minus = mi.Tasks(k.support_x, k.support_y - 0.5, k.query_x, k.query_y)
    with pytest.raises(mi.InvalidProblem, match=r"not negative; got -0\.5 at index \[0, 0, 1\]"):
        p.replaced(tasks=minus)
    maps = p.replaced(model=Maps().double(), lam=None)
    with pytest.raises(mi.InvalidProblem, match=r"gives \(4, 2, 4\) for 4 instances"):
        maps.losses(maps.own_start())


def test_what_is_not_finite_in_an_adaptation_is_named(maml):
    """Guards NaN out of functions that are asked for adapted parameters."""
    with pytest.raises(mi.NotFinite, match="lam is not finite at index 0"):
        adapted.parameters(maml, lam=maml.lam * float("nan"))
    wild = maml.replaced(adaptation=mi.Unrolled(3, 1e200), inner_loss=mi.squared)
    with pytest.raises(mi.NotFinite, match="the adaptation of task 0 is not finite"):
        adapted.parameters(wild)
    with pytest.raises(mi.InvalidProblem, match="lam must have shape"):
        adapted.parameters(maml, lam=maml.lam[:3])
    assert_close(adapted.parameters(maml, lam=maml.lam.float()), adapted.parameters(maml), 1e-5)


class Centred(nn.Module):
    """What it says of an instance changes with the others."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        h = self.layer(x)
        return torch.tanh(h - h.mean(0))


@pytest.mark.parametrize("ask", [removal.first_order, removal.second_order, removal.newton])
@pytest.mark.parametrize(
    "net",
    [lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)), Centred],
)
def test_an_instance_that_would_still_count_is_not_removed(maml, ask, net):
    """Guards a weight of 0 for a removal: the statistics of the batch would still hold the instance."""
    torch.manual_seed(0)
    mixed = maml.replaced(model=net().double(), lam=None, inner_loss=mi.cross_entropy)
    mixed.lam = mixed.own_start()
    with pytest.raises(mi.InvalidProblem, match="it would still count"):
        ask(mixed, [mi.query(0, 1)], allow_nonstationary=True, damping=100.0)
    assert ask(mixed, [mi.task(0)], allow_nonstationary=True, damping=100.0).isfinite().all()


def test_the_gradient_at_a_minimum_is_taken_once(maml, monkeypatch):
    """Guards a pass over all tasks for a gradient that the test of stationarity has taken."""
    taken = []
    plain = type(maml).gradient
    monkeypatch.setattr(type(maml), "gradient", lambda p, lam: taken.append(1) or plain(p, lam))
    mi.influence(maml, [mi.task(0)])
    mi.scores(maml, [mi.task(0)], maml.tasks)
    removal.newton(maml, [mi.task(0)])
    assert len(taken) == 2  # of the removed objective's changes, before and after
