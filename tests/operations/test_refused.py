"""What has no derivative here is refused by name: statistics of one value, weights in them, and the fused."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidProblem
from metainfl.problem.weights import without
from tests.operations.nets import NETS, D, problem_of


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.BatchNorm1d(4, track_running_stats=False), (1, 4)),
        (nn.BatchNorm2d(4, track_running_stats=False), (1, 4, 1, 1)),
        (nn.InstanceNorm2d(4, affine=True), (3, 4, 1, 1)),
    ],
)
def test_statistics_of_one_value_are_refused(layer, shape):
    """As torch refuses them: the output would be the bias, whatever the input."""
    x = torch.randn(shape)
    with pytest.raises(ValueError):
        layer(x)
    model = mi.FromModule(layer)
    with pytest.raises(InvalidProblem, match="one value a channel"):
        model(model.current(), x)


def test_weights_do_not_reach_batch_statistics():
    """Padding or removing an instance by its weight would leave it in the mean: refused by name."""
    net = NETS["batch norm of vectors"]().to(D)
    problem = problem_of(net, 1, lam=mi.FromModule(net).current())
    with pytest.raises(
        InvalidProblem, match="layer '2' normalises with the statistics of its batch"
    ):
        problem.replaced(tasks=without(problem.tasks, mi.query(0, 1)))
    assert problem.replaced(tasks=without(problem.tasks, mi.task(0))).tasks.w[0] == 0
    for name in ("batch norm, running", "instance norm", "layer norm"):
        other = problem_of(NETS[name]().to(D), 1)
        other.replaced(tasks=without(other.tasks, mi.query(0, 1)))


class Fused(nn.Module):
    """Calls torch's fused operations by their own names."""

    def __init__(self, name):
        super().__init__()
        self.name, self.scale = name, nn.Parameter(torch.ones(2))

    def forward(self, x):
        """(n, 2)."""
        x = x.flatten(1)[:, :2] * self.scale
        if self.name == "running":
            zero, one = torch.zeros(2, dtype=D), torch.ones(2, dtype=D)
            return nn.functional.batch_norm(x, zero, one, training=True)
        if self.name == "native_batch_norm":
            return torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[0]
        if self.name == "native_layer_norm":
            return torch.native_layer_norm(x, (2,), None, None, 1e-5)[0]
        return torch.layer_norm(x, (2,))


@pytest.mark.parametrize("name", ["native_batch_norm", "native_layer_norm", "layer_norm"])
def test_what_cannot_be_replaced_is_refused(name):
    problem = problem_of(Fused(name).to(D), 1)
    with pytest.raises(InvalidProblem, match=f"{name}.*silently wrong"):
        problem.gradient(torch.ones(2, dtype=D))


def test_running_statistics_are_refused_in_functions_too():
    with pytest.raises(InvalidProblem, match="running statistics"):
        problem_of(Fused("running").to(D), 1).gradient(torch.ones(2, dtype=D))
