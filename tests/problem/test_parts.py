"""What a problem is made of: anything else is named, with what to write instead."""

import pytest
import torch

import metainfl as mi

X = torch.zeros(2, 3, 4, dtype=torch.float64)
TASKS = mi.Tasks(X, X[..., :1], X, X[..., :1])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model", None, "torch.nn.Module"),
        ("model", torch.nn.Linear, r"write Linear\("),
        ("model", lambda theta, x: x @ theta, "n_params"),
        ("tasks", None, "metainfl.Tasks"),
        ("tasks", [X, X], "metainfl.Tasks"),
        ("adaptation", None, "Unrolled"),
        ("adaptation", mi.NoAdaptation, r"write NoAdaptation\("),
        ("adaptation", "maml", "Unrolled"),
    ],
)
def test_a_part_that_is_something_else_is_named(name, value, words):
    """Guards bare errors about attributes that a class, a name or None does not have."""
    parts = {"model": mi.Linear(4, 1), "tasks": TASKS, "adaptation": mi.NoAdaptation(), name: value}
    with pytest.raises((mi.InvalidProblem, mi.InvalidTasks), match=words):
        mi.Problem(*parts.values(), outer_reg=0.1)
