"""Calls side by side: what they return, what they leave as it was, and products that are made of them."""

import threading
from typing import ClassVar

import pytest
import torch

from metainfl.derive import product
from metainfl.derive.cores import cores, side_by_side
from metainfl.derive.plan import IN_FLIGHT, Plan
from tests.helpers import assert_close
from tests.training.helpers import network


def test_calls_stand_side_by_side_and_leave_torch_as_it_was():
    """Guards threads of torch that wait for one another, and a number of threads that stays changed."""
    before, meet, seen = torch.get_num_threads(), threading.Barrier(2, timeout=20), []

    def call(i):
        meet.wait()  # both are there at once
        seen.append(torch.get_num_threads())
        return torch.tensor(i)

    with torch.no_grad():
        found = [int(t) for t in side_by_side([lambda i=i: call(i) for i in range(4)], 2)]
    assert found == [0, 1, 2, 3] and seen == [1] * 4 and torch.get_num_threads() == before


def test_what_a_call_raises_is_raised():
    """Guards an error that is lost in a thread, and calls that go on after it."""
    with pytest.raises(ZeroDivisionError):
        list(side_by_side([lambda: torch.tensor(1 // 0), lambda: torch.tensor(1)], 2))


def test_the_caller_decides_whether_gradients_are_kept():
    """Guards a grad mode that a new thread has from nowhere."""
    for kept in (True, False):
        with torch.set_grad_enabled(kept):
            found = list(side_by_side([lambda: torch.tensor(torch.is_grad_enabled())] * 2, 2))
        assert [bool(t) for t in found] == [kept, kept]


def test_products_do_not_depend_on_the_number_of_cores(monkeypatch):
    """Guards rows that come back in another order, or of another pass; and one core where torch has one."""
    problem = network(product="reverse")
    lam = problem.setting.model.current()
    plan = problem.settled(lam)
    rows = torch.randn(11, len(lam), generator=torch.Generator().manual_seed(0), dtype=lam.dtype)
    alone = problem.hessian_product(lam, rows.T)
    monkeypatch.setattr(product, "cores", lambda like: 3)
    few = type(plan)(plan.mode, plan.chunk, plan.kept, at_once=2 * problem.tasks.n_tasks)
    for _ in range(3):
        assert_close(product.fresh(problem, lam, rows.T, few), alone, 1e-14)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert cores(lam) == 1
    finally:
        torch.set_num_threads(before)


class Kept(torch.autograd.Function):
    """Keeps what it reads in one place, and says which threads came by."""

    threads: ClassVar[set[str]] = set()

    @staticmethod
    def forward(x):
        return x * 1.0

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        Kept.threads.add(threading.current_thread().name)
        return g


@pytest.mark.parametrize("own", [False, True])
def test_code_of_the_users_stays_in_one_thread(own, monkeypatch):
    """Guards a backward that keeps something between its lines, run twice at once."""
    asked = []
    monkeypatch.setattr(product, "side_by_side", lambda c, n: asked.append(n) or (f() for f in c))
    graph = product.Graph.__new__(product.Graph)
    graph.at = torch.randn(4, dtype=torch.float64, requires_grad=True)
    square = graph.at.square()
    graph.gradient, graph.n_tasks = (Kept.apply(square) if own else square), 1
    found = graph.pull(torch.eye(4, dtype=torch.float64), 1, 2)
    assert_close(found, torch.diag(2 * graph.at.detach()), 1e-15)
    assert asked == [1 if own else 2]


def test_passes_together_stay_within_the_bytes_of_one_plan():
    """Guards memory that grows with the cores of a machine."""
    one = Plan("reverse", 1, 0, bytes_a_task=IN_FLIGHT / 8, at_once=4)
    assert (one.width(1), one.passes(1, 64)) == (4, 2)
    assert Plan("reverse", 1, 0, bytes_a_task=3 * IN_FLIGHT).passes(1, 64) == 1
    assert Plan("reverse", 1, 0).passes(1, 64) == 64
