"""Kind guarded: what a module writes on itself when it is called. Left there, it is a dead tensor that
nothing can copy, save or digest, and a counter makes another problem of the same one.
"""

import copy
import pickle
from collections import deque

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.problem.digest import digest, meaning
from metainfl.training import Recipe, load, save, train
from tests.helpers import assert_close
from tests.training.helpers import network


class Remembers(nn.Module):
    """Features kept in every container there is, as people do to look at them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 3)
        self.kept, self.seen, self.last = {"of": [None]}, [], deque(maxlen=2)

    def forward(self, x):
        self.features = self.kept["h"] = torch.tanh(self.a(x))
        self.kept["of"][0] = self.features
        self.seen.append(self.features)
        self.last.append(x)
        return self.b(self.features)


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.calls, self.sizes = nn.Linear(5, 3), 0, set()

    def forward(self, x):
        self.calls += 1
        self.sizes.add(len(x))
        return self.a(x)


class Recurrent(nn.Module):
    """torch's own layer lists its weights a second time."""

    def __init__(self):
        super().__init__()
        self.gru, self.b = nn.GRU(5, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x):
        return self.b(self.gru(x[:, None])[0][:, -1])


def hooked():
    """A hook that keeps the outputs of a layer on that layer."""
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    net[1].register_forward_hook(lambda m, _, out: setattr(m, "out", out))
    return net


@pytest.mark.parametrize("make", [Remembers, Counts, Recurrent, hooked])
def test_a_run_of_a_module_that_remembers_is_saved_copied_and_run_again(make, tmp_path):
    torch.manual_seed(0)
    of = network()
    problem = mi.Problem(
        make().double(), of.tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=0.1
    )
    before = digest(meaning(problem))
    run = train(problem, Recipe(rate=0.1, steps=4, batch_size=2), progress=False)
    assert digest(meaning(run.problem())) == before
    save(run, tmp_path / "run")
    assert torch.equal(load(tmp_path / "run", problem).lam, run.lam)
    asked = [mi.task(0), mi.query(1, 1)]
    want = torch.stack([run.without(p).lam for p in asked])
    for _ in range(2):  # found again in the store the second time
        assert_close(run.replay_many(asked, store=tmp_path / "store"), want, 0)
    assert len(list((tmp_path / "store").iterdir())) == 2
    assert torch.equal(run.phase(2).lam, run.lam)
    model = run.program.problem.setting.model
    x = of.tasks.query_x[0]
    for other in (
        copy.deepcopy(model),
        *([] if make is hooked else [pickle.loads(pickle.dumps(model))]),
    ):
        assert_close(other(run.lam, x), model(run.lam, x), 0)


def test_what_a_loss_keeps_is_refused_by_name():
    """Guards a bare error of torch's from inside of a digest."""

    class Kept:
        def __call__(self, out, y):
            self.last = mi.cross_entropy(out, y)
            return self.last

    run = train(network(inner_loss=Kept()), Recipe(rate=0.1, steps=2), progress=False)
    with pytest.raises(mi.InvalidProblem, match=r"a loss, .* has kept a tensor"):
        run.replay_many([mi.task(0)])


class Anneals(nn.Module):
    """Its outputs hang on how often it was called."""

    def __init__(self):
        super().__init__()
        self.a, self.calls = nn.Linear(5, 3), 0

    def forward(self, x):
        self.calls += 1
        return self.a(x) * (1 + 0.1 * self.calls)


class Averages(nn.Module):
    """Statistics that run along, written by hand."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 3)
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return self.a(x)


class Fills(nn.Module):
    """A constant that the first call makes."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 3)
        self.register_buffer("turn", None)

    def forward(self, x):
        if self.turn is None:
            self.turn = 2 * torch.eye(3, dtype=x.dtype)
        return self.a(x) @ self.turn


def trained(net):
    problem = mi.Problem(
        net.double(),
        network().tasks,
        mi.Unrolled(1, 0.1),
        inner_loss=mi.cross_entropy,
        outer_reg=0.1,
    )
    return train(problem, Recipe(rate=0.1, steps=3, batch_size=2), progress=False)


@pytest.mark.parametrize(
    "make, words", [(Anneals, "keeps state"), (Averages, "buffer 'mean' of the module changes")]
)
def test_outputs_that_hang_on_earlier_calls_are_refused(make, words):
    """Guards a module put back before anybody saw that it keeps state."""
    with pytest.raises(mi.InvalidProblem, match=words):
        trained(make())


def test_a_constant_made_by_the_first_call_is_one(tmp_path):
    torch.manual_seed(0)
    run = trained(Fills())
    save(run, tmp_path)
    assert torch.equal(load(tmp_path, run.problem()).lam, run.lam)
