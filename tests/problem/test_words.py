"""repr and len say what there is: guards against a prompt flooded with tensors, or told nothing."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.problem.words import of_part


def some_tasks(n=4):
    x, y = torch.zeros(n, 5, 2, 3), torch.zeros(n, 5, dtype=torch.long)
    return mi.Tasks(x, y, x[:, :3], y[:, :3])


def test_tasks_are_sizes():
    tasks = some_tasks()
    assert len(tasks) == 4 and bool(tasks)
    assert repr(tasks) == (
        "Tasks(4 tasks, 5 support and 3 query instances a task, inputs (2, 3), targets () int64, "
        "float32 on cpu)"
    )
    padded = tasks.reweighted(task=torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert repr(padded).endswith("2 weights 0)")


def test_a_problem_is_its_parts():
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    rate = torch.full((14,), 0.1)
    problem = mi.Problem(
        net, some_tasks(), mi.Unrolled(3, rate), outer_loss=mi.cross_entropy, outer_reg=0.5
    )
    text = repr(problem)
    for words in ("p = 14", "4 tasks", "Unrolled(steps=3, rate=tensor (14,) float32", "outer_reg 0.5",
                  "inner loss squared, outer loss cross_entropy", "lam not set"):  # fmt: skip
        assert words in text
    problem.lam = torch.zeros(14)
    assert "lam set" in repr(problem) and len(repr(problem)) < 700


ADAPTATIONS = {
    "NoAdaptation()": mi.NoAdaptation(),
    "Prototypes()": mi.Prototypes(),
    "Proximal(inner_reg=0.3, rtol=1e-10, max_steps=200)": mi.Proximal(0.3),
    "RidgeHead(inner_reg=2)": mi.RidgeHead(2.0),
    "Unrolled(steps=1, rate=0.25, inner_reg=0)": mi.Unrolled(1, 0.25),
}


@pytest.mark.parametrize("text, part", ADAPTATIONS.items(), ids=ADAPTATIONS)
def test_an_adaptation_is_what_it_was_made_with(text, part):
    assert of_part(part) == text
