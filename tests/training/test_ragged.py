"""Runs over tasks of several sizes: every kind of perturbation, by every path, against differences of runs
and minimisers whose data were changed by hand."""

from functools import cache

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.methods.run import hydra, hydra_fast, sgd_influence, tracin, tracin_cp
from metainfl.training import Recipe, train
from tests.helpers import assert_close, relative
from tests.training.helpers import extrapolated

#: support and query instances, shape of an input
SIZES = [(3, 4, (2, 2)), (2, 3, (2, 3)), (4, 2, (3, 2)), (3, 4, (2, 2)), (1, 2, (5,))]
PIS = [
    *(mi.shift("query", 0, 1, a) for a in range(4)),
    mi.shift("query", 1, 2, 5),
    mi.shift("query", 2, 1, 5),
    mi.shift("query", 4, 1, 4),
    *(mi.shift("support", 2, 0, a) for a in range(6)),
    mi.shift("support", 3, 2, 2),
    mi.shift("support", 4, 0, 3),
    mi.support(1, 1),
    mi.support(2, 3),
    mi.query(1, 2),
    mi.query(3, 3),
    mi.group([mi.task(4), mi.support(0, 2), mi.query(2, 0)]),
]
FIELDS = {"support": "support_weight", "query": "query_weight"}


class Moments(nn.Module):
    """A linear model of four numbers that inputs of any shape have."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2).double()

    def forward(self, x):
        flat = x.flatten(1)
        ramp = torch.arange(1.0, flat.shape[1] + 1, dtype=x.dtype)
        many = [flat.mean(1), (flat**2).mean(1), (flat * ramp).mean(1), torch.tanh(flat @ ramp)]
        return self.head(torch.stack(many, 1))


def data():
    draw, out = torch.Generator().manual_seed(3), []
    for n_s, n_q, shape in SIZES:
        sides = {"support": n_s, "query": n_q}
        one = {
            f"{side}_{c}": torch.randn(n, *s, generator=draw, dtype=torch.float64)
            for side, n in sides.items()
            for c, s in (("x", shape), ("y", (2,)))
        }
        for side, n in sides.items():
            one[f"{side}_weight"] = torch.ones(n, dtype=torch.float64)
        out.append({**one, "task_weight": torch.tensor(1.0, dtype=torch.float64)})
    return out


def moved(p, step):
    """The tasks with a step along p, made again from their parts."""
    tasks = data()
    for m in p.members or (p,):
        one = tasks[m.task]
        if m.kind == "task":
            one["task_weight"] += step
        elif m.axis >= 0:
            one[m.kind.split("_")[0] + "_x"][m.instance].view(-1)[m.axis] += step
        else:
            one[FIELDS[m.kind]][m.instance] += step
    return mi.Tasks.ragged(tasks)


def problem_of(tasks, product="auto"):
    torch.manual_seed(0)
    return mi.Problem(Moments(), tasks, mi.Unrolled(1, 0.05), outer_reg=0.2, product=product)


@cache
def run_of(steps=4):
    recipe = Recipe(rate=0.05, batches=[[0, 2, 4], [1, 3, 2], [0, 1, 2, 3, 4], [4, 1]][:steps])
    return train(problem_of(mi.Tasks.ragged(data())), recipe, progress=False)


@cache
def truth():
    """d L_t(lam_S)/d pi (n, 2), by runs on tasks that were changed."""
    run = run_of()
    target = run.program.problem.tasks.select([1, 4])
    return target, torch.stack(
        [extrapolated(lambda s, p=p: run.replay(moved(p, s)).target_losses(target)) for p in PIS]
    )


def test_adjoint_and_tangent_against_reruns():
    """Guards an axis that is looked up in the padded shape of the largest task. 1e-8: what reruns resolve."""
    target, want = truth()
    run = run_of()
    assert_close(run.scores(target, PIS).value, want, 1e-8)
    assert_close(run.influence(PIS).value @ run.target_slopes(target).T, want, 1e-8)
    assert_close(hydra(run, PIS, target), want, 1e-8)
    assert_close(sgd_influence(run, PIS, target), want, 1e-8)


@pytest.mark.parametrize("product", ["forward", "reverse"])
def test_one_step_of_every_estimator(product):
    """Guards the same axis in the estimators that add up steps: after one step from lam_0 they are all
    - rate d(grad L)/d pi . slope, with the slope at either end."""
    run = train(
        problem_of(mi.Tasks.ragged(data()), product), Recipe(rate=0.05, steps=1), progress=False
    )
    target = run.program.problem.tasks.select([1, 4])
    want = run.influence(PIS).value
    assert_close(hydra_fast(run, PIS, target), want @ run.target_slopes(target).T, 1e-12)
    slopes = run.problem().task_gradients(run.program.start.lam, target)
    assert_close(tracin(run, PIS, target), want @ slopes.T, 1e-12)
    assert_close(tracin_cp(run, PIS, target, checkpoints=[0]), want @ slopes.T, 1e-12)


def test_influence_at_a_minimiser():
    """Guards the same axis in the cross derivatives, both ways. 1e-7: what minimisers resolve."""
    problem = problem_of(mi.Tasks.ragged(data()))
    problem.solve()
    rows = mi.influence(problem, PIS).value
    target = problem.tasks.select([1, 4])
    assert_close(
        mi.scores(problem, PIS, target).value,
        rows @ problem.task_gradients(problem.lam, target).T,
        1e-10,
    )

    def solved(p, s):
        other = problem_of(moved(p, s))
        other.solve(problem.lam)
        return other.lam

    for p, row in list(zip(PIS, rows, strict=True))[::5]:  # each costs eight minimisations
        want = extrapolated(lambda s, p=p: solved(p, s))
        assert relative(row, want) < 1e-7, p
