"""A model whose outputs on an instance depend on the others cannot leave any of them out by a weight."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.training import SGD, Recipe, train

D = torch.float64


class Mixing(nn.Module):
    """A linear layer on instances that `f` mixes, or not."""

    def __init__(self, f):
        super().__init__()
        self.layer, self.f = nn.Linear(3, 2, dtype=D), f

    def forward(self, x):
        return self.layer(self.f(x))


MIXED = {
    "centred": lambda x: x - x.mean(0),
    "normalised": lambda x: (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt(),
    "no constant": lambda x: (x - x.mean(0)) / x.std(0),
    "attended": lambda x: torch.softmax(x @ x.T, 1) @ x,
    "running": lambda x: x.cumsum(0),
}
APART = {
    "within an instance": lambda x: x - x.mean(1, keepdim=True),
    "softmax": lambda x: torch.softmax(x, 1),
}


def problem(f, weight, adaptation=None):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(4, 5, k, dtype=D, generator=g) for k in (3, 2))
    w = torch.ones(4, 5, dtype=D)
    w[2, 1] = weight
    adaptation = adaptation or mi.Unrolled(1, 0.1)
    return mi.Problem(Mixing(f), mi.Tasks(x, y, x, y, query_weight=w), adaptation, outer_reg=0.5)


def at_zero(p):
    return p.replaced(lam=torch.zeros(8, dtype=D))


WAYS = {
    "solve": lambda p: p.solve(),
    "from zero": lambda p: p.solve(torch.zeros(8, dtype=D)),
    "losses": lambda p: p.losses(torch.zeros(8, dtype=D)),
    "influence": lambda p: mi.influence(at_zero(p), [mi.task(0)], allow_nonstationary=True),
    "targets": lambda p: mi.scores(
        at_zero(problem(p.setting.model.module.f, 1.0)), [mi.task(0)],
        p.tasks.select([0, 2]), allow_nonstationary=True,
    ),
    "train": lambda p: train(p, Recipe(optimiser=SGD(), rate=0.1, steps=1), progress=False),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MIXED)
def test_a_model_that_mixes_instances_is_refused_with_padding(name, way):
    """Guards numbers that change with what stands at weight 0, or with how much does."""
    with pytest.raises(mi.InvalidProblem, match=r"weight 0.*other instances"):
        WAYS[way](problem(MIXED[name], 0.0))


@pytest.mark.parametrize("name", MIXED)
def test_removal_of_an_instance_of_a_model_that_mixes(name):
    """Guards a removal that leaves what is removed in the mean of the others."""
    p = problem(MIXED[name], 1.0, mi.NoAdaptation())
    p.solve()
    with pytest.raises(mi.InvalidProblem, match=r"weight 0.*other instances"):
        mi.removal.resolved(p, [mi.query(0, 1)])


@pytest.mark.parametrize("name", [*MIXED, *APART])
def test_what_holds_is_not_refused(name):
    """Guards refusals where nothing has weight 0, or nothing is mixed."""
    weight = 1.0 if name in MIXED else 0.0
    p = problem({**MIXED, **APART}[name], weight)
    assert torch.isfinite(p.solve()).all()


def test_a_model_that_draws_is_told_as_that():
    """Guards the name of another mistake."""
    p = at_zero(problem(lambda x: x + torch.randn_like(x), 0.0))
    with pytest.raises(mi.InvalidProblem, match="random"):
        mi.influence(p, [mi.task(0)], allow_nonstationary=True)


def test_the_support_side_is_looked_at(tmp_path):
    """Guards padded supports beside a single query, which cannot show that instances are mixed."""
    x, y = torch.randn(4, 5, 3, dtype=D), torch.randn(4, 5, 2, dtype=D)
    u = torch.ones(4, 5, dtype=D)
    u[:, 3] = 0
    tasks = mi.Tasks(x, y, x[:, :1], y[:, :1], support_weight=u)
    p = mi.Problem(Mixing(MIXED["centred"]), tasks, mi.Unrolled(1, 0.1), outer_reg=0.5)
    with pytest.raises(mi.InvalidProblem, match="change with the other instances"):
        p.gradient(torch.zeros(8, dtype=D))


def test_looking_leaves_the_model_and_its_name_as_they_were(tmp_path):
    """Guards a mark on the model that is part of its contents: a saved run was another problem's."""
    from metainfl.problem.digest import digest, meaning
    from metainfl.training import load, save

    p = problem(APART["softmax"], 0.0)
    before = digest(meaning(p))
    run = train(p, Recipe(optimiser=SGD(), rate=0.1, steps=2), progress=False)
    p.gradient(run.lam)
    assert digest(meaning(p)) == before
    save(run, tmp_path / "run")
    assert torch.equal(load(tmp_path / "run", p).lam, run.lam)


def test_memory_that_is_out_is_no_mistake_of_the_model():
    """Guards torch's own error for it, which is a RuntimeError, told as a failing model."""

    def huge(x):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    for f in (huge, lambda x: _out()):
        with pytest.raises(RuntimeError) as caught:
            problem(f, 1.0).gradient(torch.zeros(8, dtype=D))
        assert not isinstance(caught.value, mi.MetainflError)


def _out():
    raise torch.cuda.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize("adaptation", [mi.Unrolled(2, 0.1), mi.Proximal(1.0)])
def test_tasks_without_supports_are_answered(adaptation):
    """Guards zero-shot tasks under the squared loss: a reshape could not tell their outputs' size."""
    x, y = torch.randn(3, 4, 3, dtype=D), torch.randn(3, 4, 2, dtype=D)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    p = mi.Problem(mi.Linear(3, 2), tasks, adaptation, outer_reg=0.5)
    plain = mi.Problem(mi.Linear(3, 2), tasks, mi.NoAdaptation(), outer_reg=0.5)
    lam = torch.randn(6, dtype=D)
    assert torch.allclose(p.gradient(lam), plain.gradient(lam), rtol=1e-9)
