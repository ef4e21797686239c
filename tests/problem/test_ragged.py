"""Kind guarded: padding that leaks, and order lost, where tasks differ in ways, shots and queries."""

import pytest
import torch

import metainfl as mi
from metainfl.problem.ragged import Ragged
from metainfl.problem.weights import without
from tests.helpers import assert_close

SIZES = [(3, 2), (5, 4), (3, 2), (2, 7), (5, 4), (4, 1)]


def one_task(k, n_s, n_q):
    g = torch.Generator().manual_seed(k)

    def draw(n, d):
        return torch.randn(n, d, generator=g, dtype=torch.float64)

    return {"support_x": draw(n_s, 3), "support_y": draw(n_s, 2),
            "query_x": draw(n_q, 3), "query_y": draw(n_q, 2),
            "task_weight": torch.tensor(1.0 + 0.1 * k, dtype=torch.float64)}  # fmt: skip


def padded():
    """The same tasks with padding of weight 0 that would be ruinous if it counted."""
    most_s, most_q = max(s for s, _ in SIZES), max(q for _, q in SIZES)
    big = {"support": most_s, "query": most_q}
    fields = {}
    for side, n in big.items():
        x = torch.full((len(SIZES), n, 3), 1e3, dtype=torch.float64)
        y = torch.full((len(SIZES), n, 2), -1e3, dtype=torch.float64)
        w = torch.zeros(len(SIZES), n, dtype=torch.float64)
        for k, sizes in enumerate(SIZES):
            task = one_task(k, *sizes)
            m = len(task[f"{side}_x"])
            x[k, :m], y[k, :m], w[k, :m] = task[f"{side}_x"], task[f"{side}_y"], 1
        fields |= {f"{side}_x": x, f"{side}_y": y, f"{side}_weight": w}
    weights = torch.tensor([1 + 0.1 * k for k in range(len(SIZES))], dtype=torch.float64)
    return mi.Tasks(**fields, task_weight=weights)


def ragged():
    return mi.Tasks.ragged([one_task(k, *s) for k, s in enumerate(SIZES)])


def problem_of(tasks, adaptation):
    problem = mi.Problem(mi.Linear(3, 2), tasks, adaptation, outer_reg=0.5)
    problem.solve()
    return problem


@pytest.mark.parametrize("adaptation", [mi.Unrolled(2, 0.05), mi.Proximal(0.7)])
def test_ragged_tasks_equal_padded_ones(adaptation):
    a, b = problem_of(ragged(), adaptation), problem_of(padded(), adaptation)
    assert_close(a.lam, b.lam, 1e-10)
    pis = [mi.task(3), mi.support(1, 4), mi.query(3, 6), mi.query(5, 0),
           mi.group([mi.task(0), mi.support(2, 1)]), mi.shift("support", 4, 3, 2)]  # fmt: skip
    assert_close(mi.influence(a, pis).value, mi.influence(b, pis).value, 1e-9)
    targets = ragged().select([4, 3, 0])
    want = mi.scores(b, pis, padded().select([4, 3, 0])).value
    assert_close(mi.scores(a, pis, targets).value, want, 1e-9)
    assert_close(a.losses(a.lam), b.losses(b.lam), 1e-11)
    assert_close(mi.removal.resolved(a, pis[:5]), mi.removal.resolved(b, pis[:5]), 1e-9)
    assert_close(mi.removal.newton(a, pis[:2]), mi.removal.newton(b, pis[:2]), 1e-9)
    h = mi.curvature.exact(a.replaced(chunk=2))
    v = torch.ones(6, 2, dtype=torch.float64)
    assert_close(h @ v, a.hessian(a.lam) @ v, 1e-11)


def test_places_stay_those_of_the_list():
    tasks = ragged()
    assert tasks.n_tasks == 6
    assert_close(tasks.w, [1 + 0.1 * k for k in range(6)], 1e-15)
    assert len(tasks.side("query", 3)[0]) == 7
    assert float(without(tasks, mi.task(4)).w[4]) == 0
    some = tasks.select([3, 1])
    assert len(some.side("support", 0)[0]) == 2 and len(some.side("support", 1)[0]) == 5
    with pytest.raises(mi.InvalidProblem, match="task 3 has 2 instances"):
        mi.influence(problem_of(tasks, mi.Unrolled(1, 0.1)), [mi.support(3, 2)])
    with pytest.raises(mi.InvalidTasks, match="go through"):
        _ = tasks.query_x


def test_padding_whose_loss_is_infinite_does_not_count():
    """Kind guarded: 0 times infinity."""

    def poisson(outputs, counts):
        return (outputs.exp() - counts * outputs)[:, 0]

    x = torch.randn(3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.ones(3, 4, 1, dtype=torch.float64)
    w = torch.ones(3, 4, dtype=torch.float64)
    plain = mi.Problem(mi.Linear(2, 1), mi.Tasks(x[:, :3], y[:, :3], x[:, :3], y[:, :3]),
                       mi.Unrolled(1, 0.01), inner_loss=poisson, outer_reg=1.0)  # fmt: skip
    x[:, 3], w[:, 3] = 1e3, 0
    tasks = mi.Tasks(x, y, x, y, support_weight=w, query_weight=w)
    padded = plain.replaced(tasks=tasks)
    lam = torch.full((2,), 0.9, dtype=torch.float64)
    assert_close(padded.gradient(lam), plain.gradient(lam), 1e-13)
    assert_close(padded.hessian(lam), plain.hessian(lam), 1e-13)
    with pytest.raises(mi.InvalidProblem, match="weight 0"):
        mi.influence(padded.replaced(lam=padded.solve()), [mi.support(0, 3)])


def test_what_are_no_tasks_one_by_one():
    """Guards Python's and torch's own errors for a list of something else, and weights of another size."""
    one = one_task(0, 2, 3)
    for wrong, words in (
        ([1], "task 0 must be a mapping"),
        (None, "give a list of mappings"),
        (
            [one, {**one, "query_weight": torch.ones(2)}],
            r"query_weight of task 1 must have shape \(3,\)",
        ),
        ([{**one, "task_weight": torch.ones(2)}], r"task_weight of task 0 must have shape \(\)"),
        ([{**one, "query_x": one["query_x"].to_sparse()}], "query_x of task 0 is torch.sparse_coo"),
    ):
        with pytest.raises(mi.InvalidTasks, match=words):
            mi.Tasks.ragged(wrong)


@pytest.mark.parametrize("places", [[0, 0], [0, 2], [-1, 0], [0.0, 1.0], [[0, 1]]])
def test_places_are_each_there_once(places):
    """Guards weights that were never written: places that overlap leave some of them unset."""
    two = mi.Tasks.ragged([one_task(0, 2, 3), one_task(1, 2, 3)])
    three = mi.Tasks.ragged([one_task(2, 2, 4)])
    with pytest.raises(mi.InvalidTasks, match="places"):
        Ragged([(torch.tensor(places), two), (torch.tensor([2]), three)])
