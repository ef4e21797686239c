"""A torch.autograd.Function whose jvp is not its backward: right in reverse, refused by Gauss-Newton."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.curvature import gauss_newton
from metainfl.influence.adapted import adaptation_influence, inner_influence

D = torch.float64


class Sine(torch.autograd.Function):
    """Its backward is its derivative, its jvp is `factor` of it."""

    generate_vmap_rule = True
    factor = 1.0

    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cos()

    @classmethod
    def jvp(cls, ctx, t):
        return cls.factor * t * ctx.saved_tensors[0].cos()


class Half(Sine):
    factor = 0.5


class Net(nn.Module):
    def __init__(self, f):
        super().__init__()
        torch.manual_seed(0)
        self.f, self.layer = f, nn.Linear(4, 3).double()

    def forward(self, x):
        return self.f(self.layer(x))


def problem_of(net, adaptation=None, **options):
    draw, adaptation = torch.Generator().manual_seed(0), adaptation or mi.NoAdaptation()
    x, y = (torch.randn(3, 4, n, generator=draw, dtype=D) for n in (4, 3))
    problem = mi.Problem(net, mi.Tasks(x, y, x, y), adaptation, outer_reg=1.0, **options)
    problem.lam = problem.own_start()
    return problem


AWAY = {"allow_nonstationary": True, "damping": 50.0}


def test_a_wrong_jvp_is_refused_where_it_is_used():
    """Guards Gauss-Newton of half the outputs' derivative, without a word."""
    problem, plain = (problem_of(Net(f), product="reverse") for f in (Half.apply, torch.sin))
    found, want = (mi.influence(p, [mi.task(0)], **AWAY).value for p in (problem, plain))
    assert torch.allclose(found, want, rtol=1e-10)
    with pytest.raises(mi.InvalidProblem, match="forward derivative"):
        mi.influence(problem, [mi.task(0)], curvature=gauss_newton, **AWAY)


def test_a_right_one_is_not():
    found, want = (gauss_newton(problem_of(Net(f))).dense() for f in (Sine.apply, torch.sin))
    assert torch.allclose(found, want, rtol=1e-10)


def test_influence_on_adapted_parameters_needs_it_too():
    """Guards a derivative along each influence that was a tenth off, without a word."""
    inner = mi.Unrolled(1, 0.05)
    wrong, right, plain = (problem_of(Net(f), inner) for f in (Half.apply, Sine.apply, torch.sin))
    rows = mi.influence(plain, [mi.task(0)], **AWAY).value
    found, want = (adaptation_influence(p, rows, p.tasks) for p in (right, plain))
    assert torch.allclose(found, want, rtol=1e-10)
    with pytest.raises(mi.InvalidProblem, match="forward derivative of the adaptation"):
        adaptation_influence(wrong.replaced(product="reverse"), rows, plain.tasks)
    assert torch.allclose(inner_influence(right, 1), inner_influence(plain, 1), rtol=1e-10)
    with pytest.raises(mi.InvalidProblem, match="forward derivative of the adaptation"):
        inner_influence(wrong, 1)
