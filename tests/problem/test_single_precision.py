"""Kind guarded: a scalar times a number of float32, whose forward derivative torch has in float64."""

import pytest
import torch

import metainfl as mi
from metainfl.training import Recipe, train

ADAPTATIONS = {
    "none": mi.NoAdaptation(),
    "unrolled": mi.Unrolled(2, 0.1, inner_reg=0.3),
    "proximal": mi.Proximal(1.0),
}


@pytest.mark.parametrize("product", ["forward", "reverse"])
@pytest.mark.parametrize("chunk", [1, None])
@pytest.mark.parametrize("name", ADAPTATIONS)
def test_a_pull_towards_lam_is_differentiated(name, chunk, product):
    """Guards "dot : expected both vectors to have same dtype" wherever a stack holds one task."""
    torch.manual_seed(0)
    net, x, y = torch.nn.Linear(3, 2).double(), torch.randn(4, 3, 3), torch.randn(4, 3, 2)
    found = {}
    for dtype in (torch.float32, torch.float64):
        tasks = mi.Tasks(*(t.to(dtype) for t in (x, y, x + 1, y)))
        own = {"outer_reg": 0.1, "direct": 0.4, "chunk": chunk, "product": product}
        problem = mi.Problem(net.to(dtype), tasks, ADAPTATIONS[name], **own)
        asked = [mi.task(0), mi.support(1, 0), mi.query(2, 1)]
        run = train(problem, Recipe(rate=0.05, steps=3, clip=5.0), progress=False)
        problem.lam = run.lam
        there = mi.influence(problem, asked, allow_nonstationary=True).value
        found[dtype] = run.scores(tasks.select([3]), asked).value, run.influence(asked).value, there
    for low, high in zip(*found.values(), strict=True):
        assert low.dtype == torch.float32
        assert (low - high).abs().max() < 1e-4 * high.abs().max()
