"""Optimiser steps: equal to torch.optim's, and differentiable where torch's are not."""

import math

import pytest
import torch

from metainfl.errors import InvalidRecipe
from metainfl.training.optimisers import SGD, Adam, AdamW, clipped
from metainfl.training.state import State
from metainfl.training.update import Update
from tests.helpers import relative

PAIRS = {
    "sgd": (SGD(), torch.optim.SGD, {}),
    "sgd, decay": (SGD(weight_decay=0.1), torch.optim.SGD, {"weight_decay": 0.1}),
    "momentum": (SGD(0.9), torch.optim.SGD, {"momentum": 0.9}),
    "momentum, dampening, decay": (
        SGD(0.8, 0.3, weight_decay=0.05),
        torch.optim.SGD,
        {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.05},
    ),
    "nesterov": (
        SGD(0.9, nesterov=True, weight_decay=0.02),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.02},
    ),
    "adam": (Adam(), torch.optim.Adam, {}),
    "adam, decay": (
        Adam(0.8, 0.95, 1e-6, weight_decay=0.1),
        torch.optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1},
    ),
    "adamw": (AdamW(), torch.optim.AdamW, {}),
    "adamw, decay": (AdamW(weight_decay=0.3), torch.optim.AdamW, {"weight_decay": 0.3}),
}


@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("name", PAIRS)
def test_a_hundred_steps_of_torch(name, clip):
    """Guards against a step that is nearly the field's: bias, first step, decay, order of clipping.

    1e-12: about a hundred steps of a few roundings each on a contracting recursion.
    """
    own, theirs, options = PAIRS[name]
    draw = torch.Generator().manual_seed(0)
    lam = torch.randn(20, generator=draw, dtype=torch.float64)
    scale = torch.logspace(-3, 1, 20, dtype=torch.float64)
    parameter = torch.nn.Parameter(lam.clone())
    optimiser = theirs([parameter], lr=0.01, **options)
    update = Update(own, clip)
    state = State(lam, (torch.zeros_like(lam),) * own.n_moments)
    for t in range(100):
        rate = 0.02 / (1 + t / 10)
        noise = torch.randn(20, generator=draw, dtype=torch.float64)
        parameter.grad = scale * (parameter.detach() + noise)
        if clip:
            torch.nn.utils.clip_grad_norm_([parameter], clip)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        state = update(state, scale * (state.lam + noise), rate)
    assert state.steps == 100
    assert relative(state.lam, parameter.detach()) <= 1e-12


def dead(eps_inside_root):
    """An update of three parameters whose middle one never had a gradient, and its arguments."""
    update = Update(Adam(eps=1e-3, eps_inside_root=eps_inside_root), None)
    m = torch.tensor([0.3, 0.0, -0.2], dtype=torch.float64)
    state = State(torch.ones(3, dtype=torch.float64), (m, m**2), 4)
    return update, state, torch.tensor([0.5, 0.0, 0.1], dtype=torch.float64)


@pytest.mark.parametrize("eps_inside_root", [False, True])
def test_a_second_moment_of_zero_has_its_derivative(eps_inside_root):
    """Guards the root at zero, where autograd gives NaN: the step g/(c|g| + eps) does have a slope.

    One-sided quotients at h differ from it by h/eps in relative terms: 1e-7 with room.
    """
    update, state, g = dead(eps_inside_root)
    bars = tuple(torch.ones(1, 3, dtype=torch.float64) * b for b in (1.0, 0.0, 0.0))
    *_, g_bar = update.pull(state, g, 0.1, bars)
    assert torch.isfinite(g_bar).all()
    for sign in (1, -1):
        h = sign * 1e-11
        moved = g + h * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
        quotient = (update(state, moved, 0.1).lam - update(state, g, 0.1).lam)[1] / h
        assert abs(float(g_bar[0, 1] / quotient) - 1) < 1e-4
    rows = (torch.zeros(1, 3, dtype=torch.float64),) * 3
    pushed = update.push(state, g, 0.1, (*rows, torch.eye(3, dtype=torch.float64)[1:2]))
    assert relative(pushed[0][0, 1], g_bar[0, 1]) < 1e-14


def test_adam_without_bias_correction_of_a_dead_unit_is_not_nan_in_float32():
    """Guards the underflow of g^2, which makes a second moment zero beside a first that is not."""
    update = Update(Adam(), None)
    zero = torch.zeros(1)
    state = update(State(zero, (zero, zero)), torch.tensor([1e-30]), 0.1)
    assert float(state.moments[1]) == 0 < float(state.moments[0])
    g_bar = update.pull(state, zero, 0.1, (torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1, 1)))
    assert all(torch.isfinite(b).all() for b in g_bar)


def test_clipping_is_differentiated_where_it_acts():
    """Guards a clip that is treated as a constant factor; and its slope at a gradient of zero."""
    g = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    jac = torch.autograd.functional.jacobian(lambda x: clipped(x, 1.0), g)
    h = 1e-6
    columns = [
        (clipped(g + h * e, 1.0) - clipped(g - h * e, 1.0)) / (2 * h)
        for e in torch.eye(2, dtype=torch.float64)
    ]
    assert relative(jac, torch.stack(columns, 1).detach()) < 1e-9
    zero = torch.zeros(2, dtype=torch.float64)
    at_zero = torch.autograd.functional.jacobian(lambda x: clipped(x, 1.0), zero)
    assert torch.equal(at_zero, torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: SGD(-0.1), "momentum"),
        (lambda: SGD(nesterov=True), "nesterov"),
        (lambda: SGD(weight_decay=math.nan), "weight_decay"),
        (lambda: Adam(beta2=1.0), "beta2"),
        (lambda: Adam(eps=0.0), "eps"),
    ],
)
def test_bad_options_have_a_name(make, what):
    """Guards a bad option that would train, wrongly."""
    with pytest.raises(InvalidRecipe, match=what):
        make()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adams_first_step_has_its_derivative_in_single_precision_too(dtype):
    """Guards eps / (|g| + eps)^2 as the difference of two terms of the size 1 / |g|: rounding, in float32."""
    g = torch.tensor([1.0, -0.1, 1e-3, 1e-6], dtype=dtype)
    state = State(torch.zeros_like(g), (torch.zeros_like(g),) * 2, 0)
    bars = (torch.ones(3, 4, dtype=dtype), *(torch.zeros(3, 4, dtype=dtype),) * 2)
    *_, found = Update(Adam(), None).pull(state, g, 0.5, bars)
    want = (-0.5 * 1e-8 / (g.double().abs() + 1e-8) ** 2).expand(3, -1)
    assert found.dtype == dtype and torch.allclose(found.double(), want, rtol=1e-6)
    rows = (*(torch.zeros(2, 4, dtype=dtype),) * 3, torch.ones(2, 4, dtype=dtype))
    pushed = Update(Adam(), None).push(state, g, 0.5, rows)[0]
    assert torch.allclose(pushed.double(), want[:2], rtol=1e-6)
