"""Code and constants that no class name tells of: patched layers, stored functions, complex buffers."""

import argparse
import types

import pytest
import torch
from torch import nn
from torch.nn import functional

import metainfl as mi
from metainfl.derive.share import Share, sharing
from metainfl.errors import InvalidProblem, InvalidRecipe
from metainfl.training import Recipe, load, save, train
from metainfl.training.fingerprint import fingerprint

D = torch.float64


def tasks(n=3, support=3, query=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(n, support + query, k, dtype=D, generator=g) for k in (3, 2))
    return mi.Tasks(x[:, :support], y[:, :support], x[:, support:], y[:, support:])


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2).double()


def at(model, **options):
    lam = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    return mi.Problem(model, tasks(), mi.NoAdaptation(), outer_reg=1.0, lam=lam, **options)


def half_detached(self, x):
    return functional.linear(x, self.weight.detach(), self.bias)


def patched():
    net = linear()
    net.forward = types.MethodType(half_detached, net)
    return net


def encoder():
    def straight_through(h):
        return h.relu().sign().detach() + h.relu() - h.relu().detach()

    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        3, 1, 4, dropout=0.0, activation=straight_through, batch_first=True, norm_first=True
    )
    return nn.Sequential(layer, nn.Linear(3, 2)).double()


class Rows(nn.Module):
    """Instances as sequences of one."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x[:, None])[:, 0]


def patched_loss():
    loss = nn.MSELoss(reduction="none")
    loss.forward = lambda o, y: (o * o.detach()).sum(1)
    return loss


@pytest.mark.parametrize("make", [patched, lambda: Rows(encoder())])
def test_a_function_on_a_layer_of_torchs_is_looked_at(make):
    """Guards slopes of 0.16 for 0.77, silently, because the layer's class is torch's."""
    with pytest.raises(InvalidProblem, match=r"is not its derivative|wrong in"):
        mi.influence(at(make()), [mi.task(0)], allow_nonstationary=True)


def test_a_function_on_a_loss_of_torchs_is_looked_at():
    problem = at(linear(), inner_loss=patched_loss())
    with pytest.raises(InvalidProblem, match=r"is not its derivative|wrong in"):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)


class Turned(nn.Module):
    """A filter with complex weights in a buffer."""

    def __init__(self):
        super().__init__()
        self.head = linear()
        turns = torch.tensor([0.3, 1.0], dtype=D)
        self.register_buffer("k", torch.polar(torch.ones(2, dtype=D), turns))

    def forward(self, x):
        f = torch.fft.rfft(x) * self.k
        return self.head(torch.cat([f.real, f.imag[:, 1:]], 1))


def test_a_run_keeps_complex_buffers():
    """Guards a run of another model: torch's own cast drops the imaginary part with a warning."""
    model, data = Turned(), tasks()
    problem = mi.Problem(model, data, mi.NoAdaptation(), outer_reg=0.1)
    run = train(problem, Recipe(rate=0.05, steps=1), progress=False)
    with torch.no_grad():
        plain = [
            mi.squared(model(x), y).sum() for x, y in zip(data.query_x, data.query_y, strict=True)
        ]
    assert run.losses[0] == pytest.approx(float(sum(plain)) / 3, rel=1e-12)
    single = problem.replaced(tasks=data.to(dtype=torch.float32))
    run = train(single, Recipe(rate=0.05, steps=1, dtype="float32"), progress=False)
    assert run.losses[0] == pytest.approx(float(sum(plain)) / 3, rel=1e-5)


ARGS = argparse.Namespace(scale=1.0)


def of_arguments(o, y):
    return ARGS.scale * (o - y).square().sum(1)


def test_stores_are_of_what_the_code_reads(tmp_path, monkeypatch):
    """Guards reruns and runs of another loss: an object among a module's globals has no digest."""
    monkeypatch.setattr(ARGS, "scale", 1.0)

    def new():
        problem = mi.Problem(
            linear(), tasks(), mi.Unrolled(1, 0.01), inner_loss=of_arguments, outer_reg=0.1
        )
        return problem, train(problem, Recipe(rate=0.01, steps=3), progress=False)

    problem, run = new()
    save(run, tmp_path / "run")
    first = run.replay_many([mi.task(0)], store=tmp_path / "store")
    assert torch.equal(load(tmp_path / "run", problem).lam, run.lam)
    ARGS.scale = 3.0
    problem, run = new()
    again = run.replay_many([mi.task(0)], store=tmp_path / "store")
    assert torch.equal(again, run.replay_many([mi.task(0)])) and not torch.allclose(again, first)
    with pytest.raises(InvalidRecipe, match="made with another problem"):
        load(tmp_path / "run", problem)


def one_task(k, support, query):
    x, y = (
        torch.randn(support + query, n, dtype=D, generator=torch.Generator().manual_seed(k))
        for n in (3, 2)
    )
    return {
        "support_x": x[:support],
        "support_y": y[:support],
        "query_x": x[support:],
        "query_y": y[support:],
    }


@pytest.mark.parametrize("order", [(1, 3), (3, 1)])
def test_a_loss_is_looked_at_on_every_shape(order):
    """Guards a mean over instances that a first task of one instance hides: its removals are none."""
    ragged = mi.Tasks.ragged([one_task(k, n, n) for k, n in enumerate(order)])

    def mean(o, y):
        return (o - y).square().sum(1) / len(y)

    problem = mi.Problem(linear(), ragged, mi.NoAdaptation(), inner_loss=mean, outer_reg=1.0)
    with pytest.raises(InvalidProblem, match="changes with the other instances"):
        problem.solve(progress=False)
        mi.influence(problem, [mi.query(1, 0)])


class Elsewhere(Share):
    """One of two ranks, the other of which is busy."""

    size = 2

    def gathered(self, places, rows, of=()):
        raise AssertionError("the other rank does not answer")

    def summed(self, own, of=()):
        raise AssertionError("the other rank does not answer")


def test_one_rank_may_name_a_run_alone():
    """Guards a rank that saves a run and waits for ever for the others."""
    problem = mi.Problem(linear(), tasks(), mi.Unrolled(1, 0.01), outer_reg=0.1)
    run = train(problem, Recipe(rate=0.01, steps=1), progress=False)
    name = fingerprint(run.program)
    with sharing(Elsewhere()):
        assert fingerprint(run.program) == name


def test_a_shape_on_which_the_model_fails_is_named():
    """Guards "the first task" for another."""

    class Narrow(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = linear()

        def forward(self, x):
            return self.head(x).reshape(-1, 2) if len(x) < 3 else self.head(x)[:2]

    ragged = mi.Tasks.ragged([one_task(0, 2, 2), one_task(1, 3, 3)])
    problem = mi.Problem(
        Narrow(), ragged, mi.NoAdaptation(), outer_reg=1.0, lam=torch.zeros(8, dtype=D)
    )
    with pytest.raises(InvalidProblem, match="task 1"):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)
