"""The Hessian of some tasks: exact for all of them, H in the mean over draws, and refusals by name."""

from itertools import combinations, product

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.curvature import Subsampled, exact
from metainfl.curvature.chances import chances
from metainfl.methods.implicit.task_if_subsampled import task_if_subsampled
from metainfl.oracle import check_method, small_case
from metainfl.oracle.case import Case
from metainfl.problem.weights import without
from metainfl.solve import CG
from metainfl_reference.episodes import Weights
from metainfl_reference.estimands import direct, subset_hessian
from metainfl_reference.generators import build, classification
from metainfl_reference.perturbation import task as truth_task
from tests.helpers import NAMES, assert_close

BY = ("uniform", "difficulty", "uncertainty")
SOFTMAX = ("single_softmax", "proximal_softmax", "maml_softmax", "prototypes")
TWIN = {"difficulty": subset_hessian.difficulty, "uncertainty": subset_hessian.uncertainty}
#: products, sums over tasks and an inner Newton solve, of matrices a few times H: 1e4 eps
ROUNDING = 2e-12


def weighed(name):
    """A small problem whose weights all differ; task 0 has none."""
    e = classification(3, tasks=4, shots=2, queries=2, d=3 if name == "prototypes" else 2)
    v = 1 + np.arange(e.query_x[:, :, 0].size).reshape(e.query_x.shape[:2]) % 5 / 2
    w = Weights(np.array([0.0, 0.5, 1.0, 2.0]), np.ones(e.support_x.shape[:2]), v)
    return Case(name, build(name, e), "", weights=w)


def tasks_of(problem):
    return [mi.task(k) for k in range(problem.tasks.n_tasks)]


@pytest.mark.parametrize("name", NAMES)
def test_all_tasks_are_exact(name):
    """Guards a subset of all tasks that draws some of them twice, or scales them."""
    case = small_case(name)
    problem = case.problem()
    n, pis, targets = problem.tasks.n_tasks, tasks_of(problem), case.target_tasks(problem)
    truth, within = case.influence(pis), 100 * case.tolerance()
    for by in BY if name in SOFTMAX else BY[:2]:
        how = {"curvature": Subsampled(n, by)}
        assert_close(task_if_subsampled(n, by=by)(problem, pis), truth, within, by)
        got = mi.scores(problem, pis, targets, **how).value
        assert_close(got, truth @ case.target_gradients, within, by)
        # one task less has weight after a removal: all that are left are taken
        rest = problem.replaced(tasks=without(problem.tasks, pis[1]))
        assert torch.equal(Subsampled(n, by)(rest).dense(), exact(rest).dense())


@pytest.mark.parametrize("name", NAMES)
def test_of_a_subset_it_is_the_estimand_of_that_subset(name):
    """Guards weights or a factor that do not enter, the regulariser scaled with the tasks, and CG on it."""
    case = small_case(name)
    problem = case.problem()
    pis = tasks_of(problem)
    for by in ("uniform", "difficulty"):
        c = Subsampled(3, by, seed=1)
        p = chances(problem, by)
        drawn = c.drawn(p).tolist()
        own = None if by == "uniform" else p.numpy()
        h = subset_hessian.hessian(case.family, case.solution, drawn, own)
        assert_close(c(problem).dense(), h, ROUNDING)
        truth_pis = [truth_task(k) for k in range(len(pis))]
        want = subset_hessian.influence(case.family, truth_pis, case.solution, drawn, own)
        tangent = case.family.tangent(case.solution.lam)
        off = np.linalg.qr(tangent, mode="complete")[0][:, tangent.shape[1] :]
        if np.linalg.eigvalsh(off.T @ h @ off)[0] <= 0:
            with pytest.raises(mi.SingularHessian):
                mi.influence(problem, pis, curvature=c)
            continue
        within = ROUNDING * np.linalg.cond(off.T @ h @ off)
        assert_close(mi.influence(problem, pis, curvature=c).value, want.value, within)
        solved = mi.influence(problem, pis, curvature=c, solver=CG(rtol=1e-13)).value
        assert_close(solved, want.value, 100 * within)


def test_direct_if_takes_it_too():
    """Guards Algorithm 2: the subset's tasks through their adaptation, where it is ignored."""
    case = small_case("proximal_ridge", direct=0.5)
    problem, at = case.problem(), case.solution
    places = Subsampled(2).drawn(chances(problem, "uniform"))
    h, rhs = case.family.d_out * np.eye(problem.n_meta), []
    n = problem.tasks.n_tasks
    for k in range(n):
        slope, curved = direct.partials(case.family.task(k, at.lam, at.weights), problem.n_meta)
        rhs.append(slope)
        h = h + (n / 2 * curved if k in places.tolist() else 0)
    got = mi.direct_if(problem, tasks_of(problem), curvature=Subsampled(2))
    assert_close(got, -np.linalg.solve(h, np.array(rhs).T).T, 1e-11)


@pytest.mark.parametrize("name", ["maml_softmax", "prototypes"])
def test_the_mean_over_all_draws_is_the_hessian(name):
    """Guards a factor by another number of tasks, and chances that are not those that draw."""
    case = weighed(name)
    problem, family, at = case.problem(), case.family, case.solution
    for size in (1, 2, 3):
        c = Subsampled(size)
        p = chances(problem, "uniform")
        each = [
            c.of(problem, torch.tensor(s), p).dense().numpy()
            for s in combinations(range(1, 4), size)
        ]
        assert_close(np.mean(each, axis=0), at.hessian, ROUNDING)
        assert_close(subset_hessian.mean(family, at, size), at.hessian, ROUNDING)
    for by, twin in TWIN.items():
        p = chances(problem, by)
        assert_close(p, twin(family, at), ROUNDING)
        draws = list(product(range(1, 4), repeat=2))
        for reweighted in (True, False):
            c = Subsampled(2, by, reweighted)
            each = [
                p[list(s)].prod().item() * c.of(problem, torch.tensor(s), p).dense().numpy()
                for s in draws
            ]
            found = np.sum(each, axis=0)
            want = subset_hessian.mean(family, at, 2, p.numpy(), reweighted=reweighted)
            assert_close(found, want, ROUNDING)
            gap = np.abs(found - at.hessian).max() / np.abs(at.hessian).max()
            assert gap < ROUNDING if reweighted else gap > 1e-3, (by, reweighted, gap)


@pytest.mark.parametrize("by", BY)
def test_seeds_draw_by_the_chances(by):
    """Guards draws that do not follow p, and a task of weight 0 that is drawn."""
    problem = weighed("maml_softmax").problem()
    p = chances(problem, by)
    assert p[0] == 0 and abs(float(p.sum()) - 1) < 1e-15
    drawn = torch.stack([Subsampled(2, by, seed=s).drawn(p) for s in range(2000)])
    share = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    assert share[0] == 0
    # five standard deviations of 4000 draws
    assert float((share - p).abs().max()) < 5 * 0.5 / drawn.numel() ** 0.5
    if by == "uniform":
        assert bool((drawn[:, 0] != drawn[:, 1]).all())
    assert Subsampled(3, by)(problem).dense().equal(exact(problem).dense())


def test_seeds_repeat_and_errors_fall():
    """Guards draws from torch's own random state, and an error that more tasks do not lower."""
    e = classification(5, tasks=40, shots=2, queries=2, d=2)
    case = Case("many", build("single_softmax", e), "")
    problem, pis = case.problem(), [mi.task(k) for k in range(4)]
    truth = case.influence(pis)
    state = torch.get_rng_state()
    for by in BY:
        medians = []
        for size in (2, 8, 32):
            found = [task_if_subsampled(size, by=by, seed=s)(problem, pis) for s in range(9)]
            gaps = [np.linalg.norm(f.numpy() - truth) / np.linalg.norm(truth) for f in found]
            medians.append(float(np.median(gaps)))
            assert found[0].equal(task_if_subsampled(size, by=by)(problem, pis))
            assert not found[0].equal(found[1])
        assert medians[0] > medians[1] > medians[2] > 0, (by, medians)
    assert torch.equal(state, torch.get_rng_state())


def test_a_task_of_no_chance_is_left_out(monkeypatch):
    """Guards 1/0: a task fitted without error is never drawn, and all of them fitted is an error."""
    x = torch.tensor([[[1.0], [2.0]], [[1.0], [1.0]]], dtype=torch.float64)
    y = torch.tensor([[[0.0], [0.0]], [[1.0], [1.0]]], dtype=torch.float64)

    def fitted(at, y):
        tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
        return mi.Problem(
            mi.Linear(1, 1),
            tasks,
            mi.NoAdaptation(),
            outer_reg=0.5,
            lam=torch.tensor([at]).double(),
        )

    problem = fitted(0.0, y)
    assert chances(problem, "difficulty").tolist() == [0, 1]
    h = Subsampled(1, "difficulty")(problem).dense()
    assert h.item() == pytest.approx(2.0 + 0.5)
    with monkeypatch.context() as patched:
        patched.setattr(torch, "rand", lambda n, **how: torch.zeros(n, dtype=how["dtype"]))
        assert Subsampled(1, "difficulty").drawn(chances(problem, "difficulty")).tolist() == [1]
    with pytest.raises(mi.InvalidProblem, match="query loss of every task is 0"):
        Subsampled(1, "difficulty")(fitted(0.0, 0 * y))


def test_what_cannot_be_drawn_is_refused_by_name():
    """Guards torch's own errors, and a size that is cut without a word."""
    problem = small_case("proximal_ridge").problem()
    n = problem.tasks.n_tasks
    for wrong, words in (
        ({"size": 0}, "size must be a whole number of at least 1"),
        ({"size": 2.5}, "size must be"),
        ({"size": 2, "by": "hardness"}, "uniform, difficulty, uncertainty"),
        ({"size": 2, "by": ["uniform"]}, "by is one of"),
        ({"size": 2, "seed": "a"}, "seed must be"),
        ({"size": 2, "reweighted": 1}, "reweighted is True or False"),
    ):
        with pytest.raises(mi.InvalidOption, match=words):
            Subsampled(**wrong)
    with pytest.raises(mi.InvalidOption, match=f"{n + 1} tasks was asked for, there are {n}"):
        mi.influence(problem, tasks_of(problem), curvature=Subsampled(n + 1))
    with pytest.raises(mi.InvalidProblem, match="uncertainty needs class probabilities"):
        mi.influence(problem, tasks_of(problem), curvature=Subsampled(2, "uncertainty"))
    negative = problem.replaced(outer_loss=lambda out, y: out.sum(1) - 9)
    with pytest.raises(mi.InvalidProblem, match="not negative; that of task 0"):
        chances(negative, "difficulty")


@pytest.mark.slow
def test_the_oracle_holds_all_tasks_to_task_if():
    """Guards a subset of everything that is wrong in a way that these tests did not think of; half of the
    tasks must fail as an exact method."""

    def share(of):
        def method(problem, perturbations):
            size = of(int((problem.tasks.w > 0).sum()))
            return task_if_subsampled(size)(problem, perturbations)

        return method

    claim = mi.Claim(kinds=("task", "group"), families=("single_softmax",))
    how = {"claim": claim, "quick": True, "in_process": True}
    report = check_method(share(lambda n: n), **how)
    assert report.passed, str(report)
    assert not check_method(share(lambda n: (n + 1) // 2), **how).passed
