"""Weights that are written in place are the weights that count, whatever holds the tasks."""

import pytest
import torch

import metainfl as mi
from metainfl.scale.on_disk import write_tasks
from metainfl.training import SGD, Recipe, train

D = torch.float64
SIZES = [(3, 2), (5, 4), (3, 2), (2, 7)]


def one_task(k, n_s, n_q):
    g = torch.Generator().manual_seed(k)
    shapes = {
        "support_x": (n_s, 3),
        "support_y": (n_s, 2),
        "query_x": (n_q, 3),
        "query_y": (n_q, 2),
    }
    return {name: torch.randn(*s, generator=g, dtype=D) for name, s in shapes.items()}


def ragged():
    return mi.Tasks.ragged([one_task(k, *s) for k, s in enumerate(SIZES)])


def problem(tasks):
    return mi.Problem(mi.Linear(3, 2), tasks, mi.Unrolled(1, 0.05), outer_reg=0.5)


def answers(p):
    lam = torch.ones(6, dtype=D)
    influence = mi.influence(p.replaced(lam=lam), [mi.task(1)], allow_nonstationary=True)
    return torch.stack([p.gradient(lam), p.hessian(lam)[0], influence.value[0]]), p.objective(lam)


def same(p, q):
    for a, b in zip(answers(p), answers(q), strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_weights_of_ragged_tasks():
    """Guards a copy of the weights, of which the objective read one and the gradient the other."""
    tasks, want = ragged(), torch.tensor([0.0, 2.0, 1.0, 3.0], dtype=D)
    p = problem(tasks)
    before = answers(p)[0]
    tasks.w.copy_(want)
    assert not torch.allclose(answers(p)[0], before, rtol=1e-3)
    same(p, problem(ragged().reweighted(task=want)))
    for derived in (tasks.select([0, 1, 2, 3]), tasks.to(dtype=D), tasks.owned()):
        same(problem(derived), p)
    assert mi.problem.weights.weight(tasks, mi.task(3)) == 3


def test_weights_of_a_batch_of_ragged_tasks():
    """Guards the same the other way round: groups are what everything goes through."""
    tasks = ragged()
    p = problem(tasks)
    for places, batch in tasks.groups():
        batch.w.copy_(1.0 + places)
    assert tasks.w.tolist() == [1, 2, 3, 4]
    same(p, problem(ragged().reweighted(task=torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=D))))


def test_a_weight_that_is_none():
    """Guards a NaN or a negative weight that is written past the checks."""
    for wrong in (torch.nan, -1.0):
        tasks = ragged()
        tasks.w[2] = wrong
        with pytest.raises(mi.InvalidTasks, match="task_weight"):
            answers(problem(tasks))


def test_a_run_keeps_its_own_weights(tmp_path):
    """Guards a run on tasks from disk whose weights change with those of the tasks it was given."""
    tasks = write_tasks(tmp_path, [mi.Tasks.ragged([one_task(k, 3, 2) for k in range(4)])])
    recipe = Recipe(optimiser=SGD(), rate=0.1, steps=3)
    run = train(problem(tasks), recipe, start=torch.zeros(6, dtype=D), progress=False)
    tasks.w.mul_(5)
    assert torch.equal(run.replay().lam, run.lam)
