"""FI of 004 against the reference, its invariance, and FI-util."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, InvalidProblem
from metainfl.methods.implicit import influence_measure as module
from metainfl.methods.implicit.influence_measure import fi_util, influence_measure
from metainfl.oracle import small_case
from metainfl_reference.estimands import influence_measure as exact
from tests.helpers import assert_close


def targets_of(x, y):
    x = torch.as_tensor(x, dtype=torch.float64)[:, None]
    y = torch.as_tensor(y, dtype=torch.float64)[:, None]
    return mi.Tasks(x[:, :0], y[:, :0], x, y)


def test_it_is_the_references():
    """Guards the sign of the shift, a second 1/n, and a score that holds lam fixed."""
    case = small_case("single_softmax")
    d, k = case.family.episodes.query_x.shape[2], case.family.episodes.query_y.shape[2]
    tests = targets_of(np.stack([np.ones(d), np.arange(d)]), np.eye(k)[[1, 0]])
    asked = [mi.query(0, 1), mi.query(2, 0)]
    found = influence_measure(case.problem(), asked, tests)
    for i, p in enumerate(asked):
        for t in range(2):
            want = exact.influence_measure(
                case.family, case.solution, p.task, p.instance,
                tests.query_x[t, 0].numpy(), tests.query_y[t, 0].numpy(),
            )  # fmt: skip
            assert float(found[i, t]) == pytest.approx(float(want.value.value), rel=1e-7)


def test_util_is_of_the_mean_slope():
    """|V| = 1 is FI; of two equal targets as well."""
    case = small_case("single_softmax")
    problem = case.problem()
    one, asked = problem.tasks.select([0]), [mi.query(1, 0), mi.query(1, 1)]
    assert_close(fi_util(problem, asked, one), influence_measure(problem, asked, one)[:, 0], 1e-12)
    both = problem.tasks.select([0, 0])
    assert_close(fi_util(problem, asked, both), fi_util(problem, asked, one), 1e-12)


@pytest.mark.parametrize("block", [1, 30, 10**9])
def test_a_block_of_memory_changes_nothing(monkeypatch, block):
    """Guards a datum that is left out between two blocks, or taken for its neighbour."""
    problem = small_case("single_softmax").problem()
    asked = [mi.query(k, j) for k, j in ((2, 1), (0, 0), (1, 1), (0, 1))]
    whole = influence_measure(problem, asked, problem.tasks)
    monkeypatch.setattr(module, "BLOCK", block)
    assert_close(influence_measure(problem, asked, problem.tasks), whole, 1e-12)
    assert len(whole.unique(dim=0)) == len(asked)


def test_units_of_the_inputs_do_not_matter():
    """Theorem 1 of 004: another scale of a feature, undone by the model, leaves FI as it was."""
    torch.manual_seed(0)
    x = torch.randn(1, 12, 2, dtype=torch.float64)
    y = torch.eye(4, dtype=torch.float64)[torch.arange(12) % 4][None]
    scale = torch.tensor([7.0, 0.2], dtype=torch.float64)

    def measured(factor):
        class Scaled:
            n_params = 12

            def __call__(self, theta, inputs):
                w, c = theta[:8].reshape(2, 4), theta[8:]
                return (inputs / factor) @ w + c

        tasks = mi.Tasks(x[:, :0], y[:, :0], x * factor, y)
        problem = mi.Problem(
            Scaled(), tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=0.3,
            lam=torch.zeros(12, dtype=torch.float64),
        )  # fmt: skip
        problem.solve(progress=False)
        return influence_measure(problem, [mi.query(0, 3)], tasks)

    assert_close(measured(scale), measured(torch.ones(2, dtype=torch.float64)), 1e-6)


def test_through_an_adaptation_it_is_that_of_differences():
    """Guards a metric that holds lam or theta fixed: everything again by solving at shifted inputs.

    Differences err by h^2 times third derivatives and by the solver's error over h: 1e-6 relative.
    """
    problem = small_case("maml_softmax").problem()
    target, k, j, h = problem.tasks.select([2]), 0, 1, 1e-3
    d = problem.tasks.query_x.shape[2]

    def at(axis, step):
        x = problem.tasks.query_x.clone()
        x[k, j, axis] += step
        moved = problem.replaced(tasks=replace(problem.tasks, query_x=x))
        moved.solve(progress=False)
        one = moved.tasks.select([k])
        state = tuple(t[0] for t in moved.adaptation.prepare(moved.setting, moved.lam, one.view()))
        view = type(one.view())(*(t[0] for t in one.view()))
        logits = moved.outputs(moved.lam, moved.lam, view, state)[j]
        return torch.log_softmax(logits, -1), moved.losses(moved.lam, target)

    ends = [(at(a, h), at(a, -h)) for a in range(d)]
    scores = torch.stack([(p[0] - m[0]) / (2 * h) for p, m in ends])
    b = torch.stack([(p[1] - m[1]) / (2 * h) for p, m in ends])[:, 0]
    prob = at(0, 0.0)[0].exp()
    want = b @ torch.linalg.pinv((scores * prob) @ scores.T, rtol=1e-6, hermitian=True) @ b
    found = influence_measure(problem, [mi.query(k, j)], target, rcond=1e-6)
    assert float(found) == pytest.approx(float(want), rel=1e-3)


def test_what_it_cannot_measure_is_told():
    problem = small_case("maml_softmax").problem()
    for asked in ([mi.task(0)], [mi.support(0, 0)]):
        with pytest.raises(InvalidOption, match="FI is of query instances"):
            influence_measure(problem, asked, problem.tasks.select([0]))
    ridge = small_case("single_ridge").problem()
    with pytest.raises(InvalidProblem, match="class probabilities"):
        fi_util(ridge, [mi.query(0, 0)], ridge.tasks)


def test_single_precision_keeps_its_digits():
    """Guards a cut of G's eigenvalues below what float32 can tell from zero: its K-th, which is zero, was
    inverted, and FI came out a millionfold. 1e-3: sqrt(eps) of a root's square, over gaps of this case."""
    problem = small_case("single_softmax").problem()
    asked, tests = [mi.query(0, 1), mi.query(2, 0)], problem.tasks.select([0, 1])
    want = influence_measure(problem, asked, tests)
    single = problem.replaced(tasks=problem.tasks.to(dtype=torch.float32))
    got = influence_measure(single, asked, tests.to(dtype=torch.float32), allow_nonstationary=True)
    assert got.dtype == torch.float32
    assert_close(got.double(), want, 1e-3)


def test_padding_is_not_read():
    """Guards absurd values of weight 0, which reach an inner solve where they are not taken out."""
    case = small_case("proximal_softmax")
    problem = case.problem()
    t = problem.tasks
    own = t.query_weight.clone()
    own[:, -1] = 0
    small = problem.replaced(tasks=t.reweighted(query=own))
    small.solve()
    x = t.query_x.clone()
    x[:, -1] = 1e200
    padded = mi.Tasks(t.support_x, t.support_y, x, t.query_y, t.w, t.support_weight, own)
    big = small.replaced(tasks=padded, lam=small.lam)
    asked, tests = [mi.query(0, 1)], t.select([1])
    assert_close(
        influence_measure(big, asked, tests), influence_measure(small, asked, tests), 1e-10
    )
