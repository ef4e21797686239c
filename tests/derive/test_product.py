"""Hessian products: kept graphs and fresh ones agree, and what is kept stays within bounds."""

from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.curvature import exact
from metainfl.derive.batching import saved_bytes
from metainfl.derive.cross import columns
from metainfl.derive.plan import Plan
from metainfl.derive.product import Graph, fresh
from metainfl.derive.stacks import stacks
from metainfl.derive.tape import Tape
from metainfl.errors import InvalidProblem, NotDerived
from metainfl.oracle import small_case
from metainfl_reference.families import FAMILIES
from metainfl_reference.perturbation import shift
from tests.helpers import assert_close


def problem_of(name, **options):
    """A small case of a family at its solution, two tasks at a time."""
    case = small_case(name, 1)
    problem = case.problem().replaced(chunk=2, **options)
    problem.lam = torch.tensor(case.solution.lam)
    return problem


def tape_of(problem):
    return Tape(problem, problem.lam, problem.plan)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("keep", [0, "part", 2**30])
def test_kept_graphs_give_the_product_of_the_dense_hessian(name, keep):
    """All, some or none of the stacks kept, one vector or several, asked for twice."""
    problem = problem_of(name)
    if keep == "part":
        stack = next(stacks(problem, problem.lam, size=problem.plan.chunk))
        keep = 2 * Graph(problem, problem.lam, stack).bytes()
    tape = tape_of(problem.replaced(keep=keep))
    v = torch.randn(problem.n_meta, 3, dtype=torch.float64)
    want = problem.hessian(problem.lam) @ v
    for _ in range(2):
        assert_close(tape(v), want, 1e-11)
        assert_close(tape(v[:, 0]), want[:, 0], 1e-11)
    with torch.no_grad():
        assert_close(tape(v), want, 1e-11)


def test_only_what_fits_is_kept():
    problem = problem_of("proximal_softmax")
    v = torch.ones_like(problem.lam)
    each = Graph(
        problem, problem.lam, next(stacks(problem, problem.lam, size=problem.plan.chunk))
    ).bytes()
    n = -(-problem.tasks.n_tasks // 2)
    for keep, graphs in ((0, 0), (each - 1, 0), (each, 1), (2 * each, 2), (2**30, n)):
        tape = tape_of(problem.replaced(keep=keep))
        tape(v)
        assert tape.graphs is not None and len(tape.graphs) == graphs
    again = tape_of(problem.replaced(keep=0).replaced(keep=2**30))
    again(v)
    assert again.graphs is not None and len(again.graphs) == n
    forward = tape_of(problem.replaced(product="forward"))
    forward(v)
    assert forward.graphs == []
    with pytest.raises(InvalidProblem, match="bytes"):
        problem.replaced(keep=-1)


def test_bytes_are_those_of_what_autograd_saves():
    """Two products of a (100, 100) with itself: the input is saved once, and so is the square."""
    x = torch.ones(100, 100, requires_grad=True)
    square = x @ x
    assert saved_bytes(square.sum()) == 4 * 100 * 100
    assert saved_bytes((square @ x).sum()) == 2 * 4 * 100 * 100


def test_a_hessian_of_zero_needs_no_graph():
    """Theta held fixed and nothing read directly: the loss does not depend on lam at all."""
    problem = problem_of("proximal_ridge")
    still = problem.adaptation.frozen()
    frozen = problem.replaced(adaptation=still, outer_reg=0.5, direct=0.0)
    v = torch.randn(problem.n_meta, dtype=torch.float64)
    assert_close(exact(frozen) @ v, 0.5 * v, 1e-14)
    assert_close(frozen.hessian_product(frozen.lam, v), 0.5 * v, 1e-14)


def test_one_task_at_a_time_is_a_loop():
    """Chunks of one are not batched, and give the same numbers."""
    problem = problem_of("maml_softmax")
    alone = problem.replaced(chunk=1)
    lam = problem.lam + 0.1  # away from the minimiser, where grad F would be nothing but rounding
    assert_close(alone.losses(lam), problem.losses(lam), 1e-14)
    assert_close(alone.task_gradients(lam), problem.task_gradients(lam), 1e-13)
    assert_close(alone.gradient(lam), problem.gradient(lam), 1e-13)


def test_what_was_asked_for_is_not_replaced_where_it_fails():
    """A model that cannot be differentiated: its own words come out, and the plan stays as asked."""

    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            """x^3."""
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            """x."""
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, slope):
            """None."""
            raise RuntimeError("no derivative")

    class Net(torch.nn.Linear):
        def forward(self, x):
            """(n, 30)."""
            return Cube.apply(super().forward(x))

    x, y = torch.randn(2, 4, 20), torch.randn(2, 4, 30)
    problem = mi.Problem(Net(20, 30), mi.Tasks(x, y, x, y), mi.NoAdaptation(), outer_reg=1.0)
    lam = torch.ones(problem.n_meta)
    asked = problem.replaced(product="reverse")
    with pytest.raises(NotDerived, match="adaptation: no derivative"):
        asked.hessian_product(lam, lam)
    assert asked.plan.mode == "reverse" and asked.plan.kept == 0


def test_vectors_in_flight_are_bounded_by_what_their_graphs_weigh(monkeypatch):
    """A large model takes as many vectors at a time as fit, and gives the same products."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2))
    x, y = torch.randn(3, 4, 20).double(), torch.randn(3, 4, 2).double()
    tasks = mi.Tasks(x, y, x, y)
    problem = mi.Problem(net.double(), tasks, mi.Unrolled(1, 0.1), outer_reg=1.0, chunk=3)
    problem.lam = mi.FromModule(net).current()
    v = torch.randn(problem.n_meta, 5, dtype=torch.float64)
    assert 1 <= problem.settled(problem.lam).width(3) <= 4096 // 3
    want = problem.hessian_product(problem.lam, v)
    pis = [mi.query(0, 1), mi.support(2, 3), mi.query(2, 0), shift("query", 1, 2, 5)]
    sides = columns(problem, pis)
    weight = problem.plan.bytes_a_task
    for fit, width in ((0.5, 1), (1.0, 1), (2.5, 2)):
        monkeypatch.setattr("metainfl.derive.plan.IN_FLIGHT", int(fit * 3 * weight) + 1)
        fresh = problem.replaced(chunk=3)
        assert replace(fresh.settled(problem.lam), at_once=4096).width(3) == width
        assert fresh.settled(problem.lam).width(3) <= width
        assert_close(columns(fresh, pis), sides, 1e-12)
        for mode in ("forward", "reverse"):
            found = problem.replaced(product=mode).hessian_product(problem.lam, v)
            assert_close(found, want, 1e-12)


def test_the_plan_of_a_run_counts_the_gradient_once_or_twice():
    """Guards a run's way back planned as if its gradients cost nothing: forward order needs them apart."""
    timed = (
        ("forward", 1, 3.5),
        ("reverse", 1, 3.9),
        ("kept", 1, 2.8),
        ("reverse", 4, 4.1),
        ("kept", 4, 3.0),
    )
    alone = Plan("forward", 1, 1, timed)
    both = alone.with_gradient()
    assert (both.mode, both.chunk) == ("reverse", 1)
    far = Plan("forward", 1, 1, (("forward", 1, 2.0), ("reverse", 1, 3.9), ("kept", 1, 2.8)))
    assert far.with_gradient() == far
    assert Plan("forward", 16, 0).with_gradient() == Plan("forward", 16, 0)


@pytest.mark.parametrize(("at_once", "width"), [(4096, 1024), (8, 2), (4, 1), (1, 1)])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_vectors_in_one_pass_or_one_by_one(mode, at_once, width):
    """Guards an answer that depends on how its vectors are passed."""
    problem = small_case("maml_softmax", 2).problem()
    rows = torch.randn(
        5, problem.n_meta, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    plan = Plan(mode, 4, 4 if mode == "reverse" else 0, at_once=at_once)
    assert plan.width(4) == width
    assert_close(
        fresh(problem, problem.lam, rows.T, plan), problem.hessian(problem.lam) @ rows.T, 1e-12
    )


def test_a_vector_of_another_real_type_is_lam_s():
    """Guards a refusal of vectors that lam's type holds, and complex ones that lose half of themselves."""
    problem = problem_of("proximal_softmax")
    v = torch.arange(problem.n_meta)
    want = problem.hessian_product(problem.lam, v.to(problem.lam))
    for kind in (torch.float32, torch.int64):
        found = problem.hessian_product(problem.lam, v.to(kind))
        assert found.dtype == torch.float64 and torch.equal(found, want)
    with pytest.raises(InvalidProblem, match=r"must be real, got torch\.complex128"):
        problem.hessian_product(problem.lam, v.to(torch.complex128))
