"""Which task failed: its place among the problem's, whoever asked."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import NotFinite


@pytest.mark.parametrize("ask", ["losses", "task_gradients", "gradient", "residual", "solve"])
def test_a_task_is_named_by_its_place(ask):
    """Guards "task 3 of its stack", which nobody but the loop over tasks can find."""
    g = torch.Generator().manual_seed(0)
    x, y, q, z = (torch.randn(9, 4, d, generator=g, dtype=torch.float64) for d in (3, 2, 3, 2))
    x[7] *= 1e200
    net = torch.nn.Linear(3, 2).double()
    problem = mi.Problem(net, mi.Tasks(x, y, q, z), mi.Proximal(0.5), outer_reg=0.5, chunk=4)
    with pytest.raises(NotFinite, match="inner problem of task 7 is not finite") as caught:
        getattr(problem, ask)(problem.own_start())
    assert caught.value.task == 7
