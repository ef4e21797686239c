"""Weights that are written in place are the weights that count, whatever holds the tasks."""

import copy
import pickle

import pytest
import torch

import metainfl as mi
from metainfl.problem.digest import digest
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


def test_weights_written_are_weights_given():
    """Guards a digest of how often the weights were written."""
    want = torch.tensor([0.0, 2.0, 1.0, 3.0], dtype=D)
    tasks = ragged()
    tasks.w.copy_(want)
    assert digest(tasks) == digest(ragged().reweighted(task=want)) != digest(ragged())


@pytest.mark.filterwarnings(
    "ignore:You are using `torch.load`:FutureWarning"
)  # of torch 2.4's pickles
@pytest.mark.parametrize("way", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_has_what_was_written(way):
    """Guards weights of a group that are lost on the way to another process."""
    tasks = ragged()
    tasks.groups()[0][1].w[0] = 5
    again = way(tasks)
    assert again.w.tolist() == [5, 1, 1, 1]
    again.w[1] = 3
    assert again.groups()[1][1].w.tolist() == [3] and tasks.w.tolist() == [5, 1, 1, 1]


def test_weights_of_all_and_of_a_group():
    """Guards what was written first where both are written between two readings."""
    tasks = ragged()
    whole, group = tasks.w, tasks.groups()[0][1].w
    whole[1], group[1] = 4, 7
    assert tasks.w.tolist() == [1, 4, 7, 1]
    assert [t.w.tolist() for _, t in tasks.groups()] == [[1, 7], [4], [1]]


def test_ragged_tasks_in_inference_mode():
    """Guards an error about version counters, which such tensors lack, and writing that goes unseen."""
    with torch.inference_mode():
        tasks = ragged().select([0, 1])
        tasks.w[0] = 2
        assert tasks.groups()[0][1].w.tolist() == [2]
        tasks.w[1] = 3
    assert tasks.w.tolist() == [2, 3] and tasks.groups()[1][1].w.tolist() == [3]


def test_tasks_made_in_inference_mode_are_used_outside():
    """Guards "Inference tensors do not track version counter", where what is remembered is compared."""
    parts = [one_task(k, 2, 3) for k in range(3)]
    with torch.inference_mode():
        tasks = mi.Tasks.ragged([{n: t.clone() for n, t in p.items()} for p in parts])
        picked = tasks.select([0, 2]).scaled([mi.task(1)], 0.5)
    want = problem(mi.Tasks.ragged(parts))
    p = problem(tasks)
    p.lam = want.lam = torch.ones(p.n_meta, dtype=torch.float64)
    assert torch.equal(p.gradient(p.lam), want.gradient(p.lam))
    before = p.losses(p.lam).clone()
    tasks.groups()[0][1].support_y.mul_(3.0)  # seen: adapted states are made anew
    assert not torch.equal(p.losses(p.lam), before) and picked.n_tasks == 2
