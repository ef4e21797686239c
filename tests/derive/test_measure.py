"""The plan's measurement: what is work and not waiting is timed a few times, and no more of it tried."""

import math
import time

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.derive import measure
from metainfl.derive.plan import CHUNKS


def problem_of(hidden=60):
    g = torch.Generator().manual_seed(0)
    data = [torch.randn(20, n, d, generator=g, dtype=torch.float64) for n in (3, 4) for d in (9, 2)]
    net = nn.Sequential(nn.Linear(9, hidden), nn.Tanh(), nn.Linear(hidden, 2)).double()
    problem = mi.Problem(net, mi.Tasks(*data), mi.Unrolled(1, 0.1), outer_reg=0.5)
    problem.lam = problem.own_start()
    return problem


def test_long_products_are_timed_in_no_larger_stack(monkeypatch):
    """Guards minutes of measurement before a large network's first step: everything is long here."""
    for limit in ("LONG", "AGAIN"):
        monkeypatch.setattr(measure, limit, 0.0)
    problem, calls = problem_of(), []
    real = measure.Graph.pull

    def counted(self, rows, width, beside=1):
        calls.append(width)
        return real(self, rows, width, beside)

    monkeypatch.setattr(measure.Graph, "pull", counted)
    plan = problem.settled(problem.lam)
    assert {size for _, size, _ in plan.timed} == {CHUNKS[0]} and plan.chunk == 1
    assert calls == [1] * len(calls) and len(calls) <= 3
    v = torch.ones_like(problem.lam)
    want = problem.replaced(product="reverse", chunk=4).hessian_product(problem.lam, v)
    torch.testing.assert_close(problem.hessian_product(problem.lam, v), want)


def test_short_ones_are_timed_in_every_stack():
    """Guards a plan that is one task at a time for want of a look."""
    problem = problem_of()
    plan = problem.settled(problem.lam)
    assert {size for _, size, _ in plan.timed} == set(CHUNKS)


@pytest.mark.parametrize(("work", "ways"), [(math.inf, 2), (-1.0, 3)])
def test_forward_mode_is_tried_where_reverse_works_and_does_not_wait(monkeypatch, work, ways):
    """Guards seconds of imports before a small network's first product."""
    monkeypatch.setattr(measure, "WORK", work)
    problem = problem_of()
    plan = problem.settled(problem.lam)
    assert len(plan.timed) == ways * len(CHUNKS) and plan.with_gradient().mode in (
        "forward",
        "reverse",
    )
    assert {way for way, _, _ in plan.timed} == set(("reverse", "kept", "forward")[:ways])


def test_what_the_first_call_imports_is_no_product(monkeypatch):
    """Guards a small network that is taken for a long one, and run task by task for good."""
    problem, calls = problem_of(), []
    monkeypatch.setattr(measure, "WORK", -1.0)  # every order is tried
    real = measure.forward_product

    def slow_at_first(*arguments):
        if not calls:
            time.sleep(1.2 * measure.LONG)
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(measure, "forward_product", slow_at_first)
    plan = problem.settled(problem.lam)
    assert {size for _, size, _ in plan.timed} == set(CHUNKS)
