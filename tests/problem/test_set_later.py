"""Parts of a problem that are set later are looked at, and taken, as they were at first."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.oracle import small_case
from metainfl.training import Recipe, train
from tests.helpers import assert_close

D = torch.float64


def tasks(dtype=D, seed=0):
    g = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(3, 4, n, generator=g, dtype=D).to(dtype) for n in (3, 2))
    return mi.Tasks(x, y, x + 1, y)


def problem(**changes):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    own = {"tasks": tasks(), "adaptation": mi.Unrolled(1, 0.05), "outer_reg": 4.0}
    return mi.Problem(net, **{**own, **changes})


WRONG = {
    "direct": (float("nan"), "direct must be a number, finite"),
    "adaptation": (None, "adaptation"),
    "tasks": ([1], "tasks"),
    "outer_loss": (3, "a loss is a function"),
    "outer_reg": (-1.0, "outer_reg must be a number"),
    "product": ("sideways", "product is 'auto'"),
    "keep": (-1, "keep is a number of bytes"),
    "symmetry": (3, "symmetry must be a function"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_where_it_is_set(name):
    """Guards "the loss of task 0 is not finite: its loss is finite, so a derivative is not", and bare errors
    of attributes at the next question."""
    value, words = WRONG[name]
    p = problem()
    p.solve(progress=False)
    want = mi.task_if(p, [mi.task(0)])
    with pytest.raises(mi.MetainflError, match=words):
        setattr(p, name, value)
    assert_close(mi.task_if(p, [mi.task(0)]), want, 0)  # as it was


RIGHT = {
    "direct": 0.7,
    "adaptation": mi.Unrolled(3, 0.02),
    "tasks": tasks(seed=1),
    "outer_reg": 2.0,
    "product": "forward",
    "keep": 0,
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_as_if_given_at_first(name):
    p = problem()
    p.solve(progress=False)
    mi.task_if(p, [mi.task(0)])
    setattr(p, name, RIGHT[name])
    new = problem(**{name: RIGHT[name]}, lam=p.lam)
    how = {"allow_nonstationary": True}
    for ask in (
        lambda p: p.hessian(p.lam),
        lambda p: mi.influence(p, [mi.query(0, 1)], **how).value,
        lambda p: train(p, Recipe(rate=0.1, steps=2), progress=False).lam,
    ):
        assert_close(ask(p), ask(new), 1e-13)


NAMED = {
    "model": lambda: nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()),
    "inner_loss": lambda: lambda outputs, targets: (outputs - targets).pow(4).sum(1),
    "chunk": lambda: 2,
}


@pytest.mark.parametrize("name", NAMED)
def test_whatever_a_problem_is_made_of_can_be_set_by_that_name(name):
    """Guards a name that only the constructor knows: set later, it was kept and changed nothing."""
    p, value = problem(), NAMED[name]()
    p.lam = p.own_start()
    want = p.replaced(**{name: value})
    setattr(p, name, value)
    assert_close(p.gradient(p.lam), want.gradient(p.lam), 1e-13)
    assert p.plan == want.plan
    with pytest.raises(mi.MetainflError):
        setattr(p, name, "x")


@pytest.mark.parametrize("name", ["setting", "n_meta", "memory", "plan"])
def test_what_follows_from_the_parts_is_not_set(name):
    """Guards bare errors of attributes at the next question."""
    p = problem()
    with pytest.raises(mi.InvalidProblem, match=f"{name} follows from what the problem is made of"):
        setattr(p, name, None)
    assert p.n_meta == 8 and p.setting is not None


def test_a_loss_that_is_set_later_is_differentiated_as_any_other():
    """Guards operations whose third derivative is torch's own, and parts that are hidden: both silent,
    as the problem's derivatives had been looked at before."""

    def normal(o, y):
        return mi.squared(torch.nn.functional.layer_norm(o, (2,), eps=0.1), y)

    p = problem(inner_loss=normal, outer_loss=mi.squared)
    p.lam = p.own_start()
    p.outer_loss = normal
    new = problem(inner_loss=normal, lam=p.lam)
    assert_close(p.hessian(p.lam), new.hessian(new.lam), 1e-13)
    mi.influence(p, [mi.task(0)], allow_nonstationary=True, damping=50.0)
    p.outer_loss = lambda o, y: mi.squared(o, y) * (1 + mi.squared(o, y).detach())
    with pytest.raises(mi.InvalidProblem, match="not its derivative"):
        mi.influence(p, [mi.task(0)], allow_nonstationary=True, damping=50.0)


def test_tasks_of_another_precision_take_lam_with_them():
    """Guards "mat1 and mat2 must have the same dtype"."""
    p = problem()
    p.solve(progress=False)
    p.tasks = tasks(torch.float32)
    assert p.lam.dtype == torch.float32
    assert p.gradient(p.lam).dtype == torch.float32


def test_what_is_the_caller_s_own_stays_when_a_part_is_set():
    """Guards an attribute of a user's that vanished with the next regulariser."""
    problem = small_case("maml_linear").problem()
    problem.note = "mine"
    problem.outer_reg = 2.0
    assert problem.note == "mine" and problem.outer_reg == 2.0


def test_an_outer_loss_that_was_not_given_stays_the_inner_one():
    """Guards a problem that adapts by a new loss and is still judged by the old one."""
    squared, one = problem(), problem(inner_loss=scaled)
    for other in (squared.replaced(inner_loss=scaled), problem()):
        other.inner_loss = scaled
        lam = torch.linspace(-1, 1, other.n_meta, dtype=D)
        assert_close(other.gradient(lam), one.gradient(lam), 1e-14)
    own = problem(outer_loss=mi.squared).replaced(inner_loss=scaled)
    assert_close(
        own.gradient(lam), problem(inner_loss=scaled, outer_loss=mi.squared).gradient(lam), 1e-14
    )


def scaled(outputs, targets):
    """Another loss than the default."""
    return 3.0 * (outputs - targets).square().sum(-1)
