"""Transposed convolutions with output padding: torch's values, and every derivative that is asked for."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.operations.transposed import TRANSPOSED
from tests.helpers import assert_close

LAYERS = [
    nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose1d(2, 4, 2, stride=3, output_padding=2, groups=2, bias=False),
    nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 3), padding=(2, 0), output_padding=(1, 2)),
    nn.ConvTranspose2d(2, 2, 3, stride=1, padding=1, output_padding=1, dilation=2),
    nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1),
    nn.ConvTranspose3d(2, 2, 2, stride=2, padding=1, output_padding=(1, 0, 1)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_it_is_torchs_value(layer):
    """Guards rows that are taken off the wrong end, and a bias that is missing where rows are put on."""
    layer = layer.double()
    axes = layer.weight.ndim - 2
    own = TRANSPOSED[getattr(torch, f"conv_transpose{axes}d")]
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3, 2, *(3, 4, 3)[:axes], generator=draw, dtype=torch.float64)
    how = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
    for given in (x, x[0]):
        assert_close(
            own(given, layer.weight, layer.bias, *how).detach(), layer(given).detach(), 1e-14
        )


def test_output_padding_that_torch_refuses_is_refused_as_by_torch():
    x, w = torch.ones(1, 1, 3), torch.ones(1, 1, 3)
    with pytest.raises(RuntimeError, match="output padding must be smaller"):
        TRANSPOSED[torch.conv_transpose1d](x, w, None, 2, 0, 2)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_shift_of_a_support_input_does_not_hang_on_how_it_is_computed(steps):
    """Guards a second derivative in the input, which torch has forwards only."""
    torch.manual_seed(0)
    layers = nn.ConvTranspose2d(1, 2, 3, stride=2, padding=1, output_padding=1), nn.Tanh()
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)).double()
    x, y = torch.randn(2, 2, 1, 3, 3, dtype=torch.float64), torch.tensor([[0, 1], [2, 0]])
    problem = mi.Problem(
        net, mi.Tasks(x, y, x + 0.1, y), mi.Unrolled(steps, 0.1), inner_loss=mi.cross_entropy,
        outer_reg=20.0,
    )  # fmt: skip
    problem.lam = problem.own_start()
    asked = [mi.shift("support", 0, 1, 2), mi.shift("query", 1, 0, 4)]
    forward, reverse = (
        mi.influence(problem.replaced(product=way), asked, allow_nonstationary=True).value
        for way in ("forward", "reverse")
    )
    assert_close(reverse, forward, 1e-11)

    def slope(h):
        moved = x.clone()
        moved[0, 1].view(-1)[2] += h
        tasks = mi.Tasks(moved, y, x + 0.1, y)
        return problem.replaced(tasks=tasks).gradient(problem.lam)

    h = 1e-3
    difference = (8 * (slope(h) - slope(-h)) - (slope(2 * h) - slope(-2 * h))) / (12 * h)
    assert_close(-problem.hessian(problem.lam) @ reverse[0], difference, 1e-7)
