"""Modes and transforms around a call, under which a derivative would be wrong without a word."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

import metainfl as mi
from metainfl.training import Recipe, train


def problem_of(dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    data = [torch.randn(3, n, d, generator=g, dtype=dtype) for n in (3, 4) for d in (3, 1)]
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).to(dtype)
    problem = mi.Problem(net, mi.Tasks(*data), mi.Unrolled(1, 0.1), outer_reg=0.5)
    problem.lam = problem.own_start()
    return problem


#: made outside of any transform, which would follow it
ONES = torch.ones(11, dtype=torch.float64)
CALLS = {
    "objective": lambda p, lam: p.objective(lam),
    "losses": lambda p, lam: p.losses(lam),
    "gradient": lambda p, lam: p.gradient(lam),
    "product": lambda p, lam: p.hessian_product(lam, ONES),
}


@pytest.mark.parametrize("call", CALLS)
def test_transforms_from_outside_are_refused_by_name(call):
    """Guards a derivative that is the regulariser's alone, or 0, because the losses come detached."""
    problem = problem_of()
    lam, f = problem.lam, CALLS[call]

    def total(x):
        return f(problem, x).sum()

    ways = {
        "grad": lambda: torch.func.grad(total)(lam),
        "jvp": lambda: torch.func.jvp(total, (lam,), (torch.ones_like(lam),)),
        "vmap": lambda: torch.func.vmap(total)(torch.stack([lam, 2 * lam])),
    }
    for way in ways.values():
        with pytest.raises(mi.InvalidProblem, match=r"problem\.gradient"):
            way()
    with forward_ad.dual_level(), pytest.raises(mi.InvalidProblem, match=r"problem\.gradient"):
        total(forward_ad.make_dual(lam, torch.ones_like(lam)))


@pytest.mark.parametrize("way", ["fresh", "kept"])
def test_products_are_not_differentiated_by_their_vectors(way):
    """Guards a derivative of 0 where H V is linear in V."""
    problem = problem_of()
    kept = problem.products(problem.lam)

    def product(v):
        return kept(v) if way == "kept" else problem.hessian_product(problem.lam, v)

    v = torch.ones_like(problem.lam)
    for transform in (
        lambda: torch.func.jvp(product, (v,), (v,)),
        lambda: torch.func.vmap(product)(v[None]),
    ):
        with pytest.raises(mi.InvalidProblem, match="linear in V"):
            transform()


@pytest.mark.parametrize("call", CALLS)
def test_what_comes_back_is_detached(call):
    """Guards `objective(lam).backward()`, which had the regulariser's gradient alone."""
    problem = problem_of()
    found = CALLS[call](problem, problem.lam.clone().requires_grad_())
    assert not found.requires_grad
    torch.testing.assert_close(found, CALLS[call](problem, problem.lam))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "lam", [None, [1.0, 2.0], torch.zeros(3), torch.zeros(11, dtype=torch.complex128)]
)
def test_a_lam_that_is_none_is_named(call, lam):
    """Guards bare errors of torch for a list, a wrong shape or a complex lam."""
    with pytest.raises(mi.InvalidProblem, match="lam"):
        CALLS[call](problem_of(), lam)


def test_autocast_is_refused_by_name():
    """Guards influences and runs in bfloat16, 1.4 % off, where float32 was given."""
    problem = problem_of(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        for call in CALLS.values():
            with pytest.raises(mi.InvalidProblem, match="half precision"):
                call(problem, problem.lam)
        with pytest.raises(mi.InvalidProblem, match="half precision"):
            train(problem, Recipe(rate=0.1, steps=2))
        with torch.autocast("cpu", enabled=False):
            assert problem.objective(problem.lam).dtype == torch.float32
