"""Layers whose third derivative torch gets wrong: the total Hessian against differences of gradients."""

import contextlib
import copy

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl import operations
from metainfl.errors import NotDerived
from tests.helpers import assert_close, relative
from tests.operations.nets import NETS, D, made, problem_of

WRONG = ("batch norm", "batch norm of vectors", "instance norm", "layer norm", "weight norm")


def by_differences(net, steps, lam, v):
    """H v from gradients one derivative lower, extrapolated."""
    problem, h = problem_of(net, steps, chunk=1), 2e-4
    ends = [problem.gradient(lam + s * h * v) - problem.gradient(lam - s * h * v) for s in (1, 0.5)]
    return (4 * ends[1] / h - ends[0] / (2 * h)) / 3


@pytest.mark.parametrize("name", NETS)
def test_products_are_derivatives_of_the_gradient(name):
    """Without adaptation and through two steps, in both orders, one task at a time and batched.

    Differences with h = 2e-4 err by about h^4 and eps/h, 1e-9 and 1e-12, times higher derivatives.
    """
    net, lam, v = made(name)
    for steps in (0, 2):
        want = by_differences(net, steps, lam, v)
        for mode in ("forward", "reverse"):
            for chunk in (1, 3):
                problem = problem_of(net, steps, product=mode, chunk=chunk)
                assert_close(problem.hessian_product(lam, v), want, 1e-6)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", WRONG)
def test_torch_alone_would_be_wrong(name, monkeypatch):
    """Without the formulas of this project the same comparison fails by more than a per cent, in one
    order of differentiation at least, or torch refuses.
    """
    net, lam, v = made(name)
    want = by_differences(net, 2, lam, v)
    monkeypatch.setattr(operations, "INSTEAD", {})
    errors = []
    for order in ("forward", "reverse"):
        with contextlib.suppress(NotDerived):  # torch refuses, and is named
            found = problem_of(net, 2, product=order, chunk=3).hessian_product(lam, v)
            errors.append(relative(found, want))
    if len(errors) == 2 and max(errors) < 1e-6:
        pytest.skip(f"torch {torch.__version__} has mended {name}")
    assert not errors or max(errors) > 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NETS)
def test_a_gpu_gives_the_same_products(name):
    net, lam, v = made(name)
    want = problem_of(net, 2).hessian_product(lam, v)
    problem = problem_of(copy.deepcopy(net).to("cuda"), 2)
    there = problem.replaced(tasks=problem.tasks.to("cuda"))
    for product in ("forward", "reverse"):
        moved = there.replaced(product=product)
        assert_close(moved.hessian_product(lam.to("cuda"), v.to("cuda")).cpu(), want, 1e-9)


@pytest.mark.parametrize("name", NETS)
def test_outputs_are_those_of_torch(name):
    net, lam, _ = made(name)
    x = torch.randn(5, 1, 8, 8, dtype=D)
    assert_close(mi.FromModule(net)(lam, x).detach(), net(x).detach(), 1e-12)


def test_instance_norm_with_running_statistics():
    layer = nn.InstanceNorm2d(4, affine=True, track_running_stats=True).to(D).eval()
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.5, 2)
    x = torch.randn(3, 4, 5, 5, dtype=D)
    model = mi.FromModule(layer)
    assert_close(model(model.current(), x).detach(), layer(x).detach(), 1e-12)


def test_a_model_that_is_a_function_is_guarded_too():
    """The `Model` protocol: no module, the same care."""

    class Normalising:
        n_params = 64 * 4 + 4 * 2

        def __call__(self, theta, x):
            """(n, 2)."""
            first, second = theta[:256].reshape(64, 4), theta[256:].reshape(4, 2)
            y = nn.functional.layer_norm(x.flatten(1) @ first, (4,))
            return torch.tanh(y) @ second

    torch.manual_seed(0)
    lam, v = torch.randn(2, 264, dtype=D)
    want = by_differences(Normalising(), 2, lam, v)
    for mode in ("forward", "reverse"):
        problem = problem_of(Normalising(), 2, product=mode)
        assert_close(problem.hessian_product(lam, v), want, 1e-6)
        again = problem.replaced(outer_reg=0.1)
        assert again.setting.model is problem.setting.model  # guarded once


def test_a_compiled_module_is_taken_as_it_was():
    net, lam, v = made("layer norm")
    want = problem_of(net, 2).hessian_product(lam, v)
    compiled = torch.compile(net, backend="eager")
    assert_close(problem_of(compiled, 2).hessian_product(lam, v), want, 1e-14)
