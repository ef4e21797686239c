"""Figures 1 and 9 of 004: the boundary drawn is that of the model without the points that are marked."""

import numpy as np
import pytest
import torch

from metainfl.experiments.paper_004.boundaries import SIDE, WAYS, example
from metainfl.experiments.paper_004.planes import accuracy, after, plane


@pytest.mark.parametrize("model", ["linear", "nonlinear"])
def test_margins_are_those_of_the_model_without_the_marked_points(model):
    """Guards a grid that is transposed, and the boundary of one way beside the points of another."""
    problem, (train, _, test), _ = plane(model, "small", 0, (40, 10, 400))
    order = {"FI": list(range(40)), "IV": list(range(39, -1, -1))}
    found = example(problem, train, order, 12)
    assert found["trimmed"] == {"FI": list(range(12)), "IV": list(range(39, 27, -1))}
    assert np.abs(np.array(found["points"]) - train[0].numpy()).max() < 1e-3
    first, second = (torch.tensor(a) for a in found["axes"])
    for name, gone in (("none", None), *((w, found["trimmed"][w]) for w in WAYS)):
        margin = torch.tensor(found["margins"][name])
        near = [
            (a[None] - x[:, None]).abs().argmin(1)
            for a, x in zip((first, second), test[0].T, strict=True)
        ]
        told = float(((margin[near[0], near[1]] > 0).long() == test[1].argmax(1)).double().mean())
        want = accuracy(problem, *test) if gone is None else after(problem, gone, test)
        assert margin.shape == (SIDE, SIDE) and told == pytest.approx(want, abs=0.05)
    assert found["margins"]["FI"] != found["margins"]["IV"]
