"""Against learn2learn itself, where it is installed: its episodes, its networks, its adaptation."""

import re
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.influence import adapted
from metainfl.learn2learn import problem_from, tasks_from
from metainfl.solve import CG
from tests.helpers import assert_close


@pytest.fixture(scope="module")
def l2l():
    """The library; its own imports warn about other libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("learn2learn", reason="pip install -r .ci/learn2learn.txt")


def taskset(l2l, ways=3, shots=4, classes=6, each=8, size=8):
    """Episodes of random images whose mean tells the class."""
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat_interleave(each)
    x = torch.randn(len(labels), 1, size, size, generator=g) + labels[:, None, None, None]
    images = torch.utils.data.TensorDataset(x.double(), labels)
    data = l2l.data.MetaDataset(images)
    steps = [
        l2l.data.transforms.NWays(data, ways),
        l2l.data.transforms.KShots(data, shots),
        l2l.data.transforms.LoadData(data),
        l2l.data.transforms.RemapLabels(data),
    ]
    return l2l.data.Taskset(data, task_transforms=steps, num_tasks=20)


def network(l2l):
    """Its convolutional network with batch norm, small, in double precision."""
    torch.manual_seed(0)
    backbone = l2l.vision.models.ConvBase(hidden=4, channels=1, max_pool=True, layers=2)
    return nn.Sequential(backbone, nn.Flatten(), nn.Linear(16, 3)).double()


def test_episodes(l2l):
    """Class by class; every image of an episode is one of its class, in support or in query."""
    torch.manual_seed(0)
    tasks = tasks_from(taskset(l2l), 5, ways=3, shots=1, queries=3)
    assert tasks.support_x.shape == (5, 3, 1, 8, 8) and tasks.query_x.shape == (5, 9, 1, 8, 8)
    assert torch.equal(tasks.query_y[2].argmax(1), torch.arange(3).repeat_interleave(3))
    means = tasks.query_x.mean(dim=(2, 3, 4)).reshape(5, 3, 3)
    centres = tasks.support_x.mean(dim=(2, 3, 4))
    assert (means - centres[:, :, None]).abs().max() < 0.75  # classes are 1 apart, noise is 1/8
    with pytest.raises(InvalidTasks, match="instances, 2 \\+ 3 are needed"):
        tasks_from(taskset(l2l), 1, ways=3, shots=2, queries=3)
    with pytest.raises(InvalidTasks, match="3 classes, 5 were"):
        tasks_from(taskset(l2l), 1, ways=5, shots=1, queries=3)
    with pytest.raises(InvalidTasks, match="at least 1"):
        tasks_from(taskset(l2l), 0, ways=3, shots=1, queries=3)


def test_adaptation_and_meta_gradient_are_those_of_learn2learn(l2l):
    """theta after two steps, and the gradient of the query loss through them, by its own loop."""
    tasks = tasks_from(taskset(l2l), 2, ways=3, shots=1, queries=3)
    maml = l2l.algorithms.MAML(network(l2l), lr=0.3)
    problem = problem_from(maml, tasks, steps=2, outer_reg=0.0)
    theta, gradients = adapted.parameters(problem), problem.task_gradients(problem.lam)
    loss = nn.CrossEntropyLoss()
    for k in range(2):
        learner = maml.clone()
        for _ in range(2):
            learner.adapt(loss(learner(tasks.support_x[k]), tasks.support_y[k]))
        theirs = torch.cat([p.reshape(-1) for p in learner.parameters()])
        assert_close(theta[k], theirs.detach(), 1e-12)
        total = 9 * loss(learner(tasks.query_x[k]), tasks.query_y[k])
        slopes = torch.autograd.grad(total, maml.parameters())
        assert_close(gradients[k], torch.cat([g.reshape(-1) for g in slopes]), 1e-10)


def test_influence_of_its_tasks(l2l):
    """From a trained learner to scores of all tasks on a target, with a residual that says how exact."""
    tasks = tasks_from(taskset(l2l), 5, ways=3, shots=1, queries=3)
    maml = l2l.algorithms.MAML(network(l2l), lr=0.1)
    problem = problem_from(maml, tasks.select([0, 1, 2, 3]), steps=1, outer_reg=1.0)
    found = mi.scores(
        problem,
        [mi.task(k) for k in range(4)],
        tasks.select([4]),
        solver=CG(rtol=1e-8),
        damping=1e3,  # lam is not a minimiser: H is not definite
        allow_nonstationary=True,
    )
    assert found.value.shape == (4, 1) and found.solve.residual <= 1e-7
    assert found.residual > 1e-3


def test_what_is_no_maml_is_refused(l2l):
    tasks = tasks_from(taskset(l2l), 1, ways=3, shots=1, queries=3)
    with pytest.raises(InvalidProblem, match="first-order MAML is not the gradient"):
        first = l2l.algorithms.MAML(network(l2l), lr=0.1, first_order=True)
        problem_from(first, tasks, steps=1, outer_reg=1.0)
    with pytest.raises(InvalidProblem, match="expected a learn2learn"):
        problem_from(network(l2l), tasks, steps=1, outer_reg=1.0)


def test_the_loop_of_the_page_is_recorded_and_attributed(l2l, monkeypatch):
    """Guards a page whose own loop is refused, and more than fifteen lines to add."""
    text = (Path(__file__).parents[2] / "docs" / "own_loop.md").read_text()
    block = re.search(r"```\n(import learn2learn.*?)```", text, re.DOTALL)[1]
    added = [line for line in block.splitlines() if "# +" in line]
    assert 8 < len(added) <= 15
    g = torch.Generator().manual_seed(0)
    ink = (torch.rand(80, 28, 28, generator=g) > 0.7).to(torch.uint8) * 255
    labels = torch.arange(8).repeat_interleave(10)
    drawings = mi.data.LabelledData("drawn", ink, labels, tuple("abcdefgh"))
    monkeypatch.setattr("metainfl.data.read_omniglot", lambda: drawings)
    page = {}
    exec(block, page)
    run, recorder, value = page["run"], page["recorder"], page["scores"].value
    held = ~recorder.loose
    assert_close(run.lam[held], recorder.states[-1][held], 1e-8)
    names = [n for n, p in page["maml"].named_parameters() for _ in range(p.numel())]
    apart = {n for n, loose in zip(names, recorder.loose.tolist(), strict=True) if loose}
    assert all(n.endswith("linear.bias") for n in apart)  # before a normalisation
    far, near = (
        run.replay({mi.task(11): 1 + h}).target_losses(page["new"])[0] for h in (-1e-6, 1e-6)
    )
    assert_close(value[11, 0], (near - far) / 2e-6, 1e-5)
