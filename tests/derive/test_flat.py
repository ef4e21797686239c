"""A symmetry that is none: influence taken off it is wrong, so it is refused by name."""

import pytest
import torch
import torch.nn.functional as F

import metainfl as mi
from metainfl.derive.flat import require_flat

D = torch.float64


def prototypes(**options):
    torch.manual_seed(0)
    x = torch.randn(6, 8, 4, dtype=D)
    y = F.one_hot(torch.arange(8) % 2, 2).to(D).expand(6, 8, 2)
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    options = {
        "inner_loss": mi.cross_entropy,
        "outer_reg": 0.5,
        "symmetry": mi.symmetry.orthogonal(2),
        **options,
    }
    problem = mi.Problem(mi.LinearEmbedding(4, 2), tasks, mi.Prototypes(), **options)
    problem.solve(torch.linspace(-1, 1, 8, dtype=D))
    return problem


def linear(symmetry):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 7, 3, generator=g, dtype=D), torch.randn(4, 7, 1, generator=g, dtype=D)
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    problem = mi.Problem(mi.Linear(3, 1), tasks, mi.Unrolled(1, 0.02), outer_reg=0.5)
    problem.solve()
    return problem.replaced(symmetry=symmetry)


ASK = {
    "influence": lambda p: mi.influence(p, [mi.task(0)]),
    "scores": lambda p: mi.scores(p, [mi.task(0)], p.tasks),
    "newton": lambda p: mi.removal.newton(p, [mi.task(0)]),
    "resolved": lambda p: mi.removal.resolved(p, [mi.task(0)]),
}


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize("columns", [1, 3])
def test_a_direction_that_curves_is_refused_wherever_one_asks(ask, columns):
    """Guards influences of 0, or half of it missing, along directions that F does see."""
    problem = linear(lambda lam: torch.eye(3, dtype=D)[:, :columns])
    with pytest.raises(mi.InvalidProblem, match="F curves along the symmetry"):
        ASK[ask](problem)


def test_a_regulariser_that_ends_a_symmetry_is_seen():
    """Guards a symmetry carried over by `replaced`: 55 % off."""
    problem = prototypes()
    require_flat(problem, 0.0)
    other = problem.replaced(outer_reg=torch.linspace(0.3, 1.5, 8, dtype=D))
    other.lam = other.replaced(symmetry=None).solve()
    with pytest.raises(mi.InvalidProblem, match=r"symmetry\.find"):
        mi.influence(other, [mi.task(0)])
    assert mi.symmetry.find(other.replaced(symmetry=None)) is None
    assert torch.isfinite(mi.influence(other.replaced(symmetry=None), [mi.task(0)]).value).all()


def test_away_from_a_minimum_slopes_tell():
    """Guards both sides where the Hessian of a true symmetry is not singular: between Adam and a minimum."""
    problem = prototypes()
    problem.lam = problem.lam + 0.3
    require_flat(problem, 1.0)
    with pytest.raises(mi.InvalidProblem, match="F slopes along the symmetry"):
        require_flat(problem.replaced(symmetry=lambda lam: torch.eye(8, dtype=D)[:, :2]), 1.0)


def test_what_a_symmetry_raises_is_told():
    """Guards bare errors of a user's own function."""
    with pytest.raises(mi.InvalidProblem, match="ZeroDivisionError"):
        mi.influence(linear(lambda lam: lam / (1 // 0)), [mi.task(0)])
