"""GAS and expected influence: against loops, the bound of eq. 68, and seeds by hand."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption
from metainfl.methods.run import expected, gas, tracin_cp
from metainfl.training import Recipe, train
from tests.helpers import assert_close
from tests.training.helpers import network


def test_gas_is_a_sum_of_cosines():
    """Guards the states, the rates and the sign, for tasks and instances; and |GAS| <= sum of rates."""
    run = train(network(), Recipe(rate=[0.3, 0.1, 0.2], steps=3), progress=False)
    problem = run.program.problem
    target = problem.tasks.select([5, 0])
    pis = [*(mi.task(k) for k in range(6)), mi.query(1, 2)]
    want = torch.zeros(7, 2, dtype=torch.float64)
    for t, rate in enumerate((0.3, 0.1, 0.2)):
        lam = run.state_at(t).lam
        only = problem.tasks.view().query_weight * 0
        only[1, 2] = 1
        alone = mi.Tasks(
            *(getattr(problem.tasks, f) for f in ("support_x", "support_y", "query_x", "query_y")),
            query_weight=only,
        )
        rows = torch.cat(
            [problem.task_gradients(lam), problem.task_gradients(lam, alone.select([1]))]
        )
        slopes = problem.task_gradients(lam, target)
        want -= rate * torch.nn.functional.cosine_similarity(rows[:, None], slopes[None], dim=2)
    found = gas(run, pis, target, checkpoints=None)
    assert_close(found, want, 1e-12)
    assert (found.abs() <= 0.6 + 1e-12).all()
    assert_close(found[[5, 0], [0, 1]], torch.full((2,), -0.6, dtype=torch.float64), 1e-12)
    # a task's weight does not change its own direction: at the start of the run the value is the same
    heavy = problem.replaced(tasks=problem.tasks.reweighted(task=5 * problem.tasks.w))
    twin = train(heavy, Recipe(rate=[0.3, 0.1, 0.2], steps=3), progress=False)
    assert_close(
        gas(twin, pis, target, checkpoints=[0]), gas(run, pis, target, checkpoints=[0]), 1e-12
    )
    assert not torch.allclose(
        tracin_cp(twin, pis[-1:], target, checkpoints=[0]),
        tracin_cp(run, pis[-1:], target, checkpoints=[0]),
    )


def test_expected_influence_is_the_mean_over_seeds():
    """Guards an error that is not that of the mean, and one run's seed used for all."""
    run = train(network(), Recipe(rate=0.2, steps=4, batch_size=2), progress=False)
    target = run.program.problem.tasks.select([5])
    runs = run.over_seeds([1, 2, 3])
    found = expected(runs, [mi.task(0), mi.task(3)], target)
    each = [r.scores(target, [mi.task(0), mi.task(3)]).value for r in runs]
    assert_close(found.value, sum(each) / 3, 1e-13)
    mean = sum(each) / 3
    assert_close(found.error.square(), sum((e - mean) ** 2 for e in each) / 2 / 3, 1e-12)
    assert found.runs == 3 and (found.error > 0).any()
    with pytest.raises(InvalidOption, match="two runs"):
        expected(runs[:1], [mi.task(0)], target)
