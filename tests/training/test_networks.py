"""Networks have the sizes of the papers, start from their seed alone, and can be differentiated."""

from itertools import product

import pytest
import torch

import metainfl as mi
from metainfl.adaptation import Unrolled
from metainfl.errors import InvalidProblem
from metainfl.problem import FromModule
from metainfl.training.networks import conv4, mlp, mnist_cnn, omniglot_cnn, tlxml_cnn, tlxml_mlp
from tests.helpers import assert_close


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_as_printed():
    """A layer too many or too few; numbers of TLXML 5.1, 5.2, B.2.1 and of learn2learn."""
    assert count(tlxml_mlp(32)) == 1285 and count(tlxml_mlp(36)) == 1413
    assert count(tlxml_cnn()) == 121_093
    assert count(omniglot_cnn()) == 112_261
    # 3x3: 32 (9 + 1), 64 (288 + 1); then 3136 x 256 and 256 x 10 with biases
    assert count(mnist_cnn()) == 320 + 18_496 + 3_137 * 256 + 2_570
    assert count(mlp((36, 16, 5))) == 37 * 16 + 17 * 5
    assert count(conv4(None, channels=3, size=84)) == 121_093 - 1_601 * 5


def test_shapes():
    """A size that is halved wrongly, in each way of halving, odd sizes too."""
    for downsample, pooled in product(("pool", "stride", "mean"), (True, False)):
        net = conv4(3, size=21, hidden=4, downsample=downsample, pooled=pooled)
        assert net(torch.ones(2, 1, 21, 21).double()).shape == (2, 3)
    assert tlxml_cnn(4, dtype=torch.float32)(torch.ones(2, 3, 84, 84)).shape == (2, 4)
    assert omniglot_cnn(4)(torch.arange(2 * 784).reshape(2, 1, 28, 28).double()).shape == (2, 4)
    assert mnist_cnn(7, dropout=0.5).eval()(torch.ones(2, 1, 28, 28).double()).shape == (2, 7)
    assert conv4(None, size=16, hidden=4)(torch.ones(2, 1, 16, 16).double()).shape == (2, 4)


def test_start_depends_on_the_seed_alone():
    """A global generator read or moved; a dtype that draws other numbers."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a = torch.nn.utils.parameters_to_vector(conv4(hidden=8, seed=3).parameters())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    b = torch.nn.utils.parameters_to_vector(conv4(hidden=8, seed=3).parameters())
    single = conv4(hidden=8, seed=3, dtype=torch.float32).parameters()
    assert torch.equal(a, b)
    assert torch.equal(a.float(), torch.nn.utils.parameters_to_vector(single))
    assert not torch.equal(a, torch.nn.utils.parameters_to_vector(conv4(hidden=8).parameters()))
    net = mlp((4, 300, 200), normalisation="layer")
    assert net.block1[0].bias.abs().max() == 0 and net.block1[1].weight.min() == 1
    bound = (6 / 500) ** 0.5
    assert 0.999 * bound < net.head.weight.abs().max() <= bound


CHOICES = [
    {"normalisation": n, "activation": a, "downsample": d}
    for n, a, d in [
        ("batch", "tanh", "pool"),
        ("group", "softplus", "stride"),
        ("layer", "relu", "mean"),
        ("none", "gelu", "pool"),
        ("batch", "silu", "stride"),
    ]
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: "-".join(c.values()))
def test_total_hessian_of_every_choice(choice):
    """An operation that the library differentiates wrongly: products against differences of the gradient.

    Central differences with one Richardson step: a remainder O(h^4) = 1e-16 at h = 1e-4, and rounding
    of some 100 eps / h = 2e-10. A wider step crosses a kink of relu (error 25 at h = 1e-3).
    """
    g = torch.Generator().manual_seed(0)
    x, q = (torch.randn(2, n, 1, 8, 8, generator=g, dtype=torch.float64) for n in (4, 6))
    y = [torch.eye(2).double().repeat_interleave(n, 0).expand(2, -1, -1).clone() for n in (2, 3)]
    net = conv4(2, size=8, hidden=4, blocks=2, **choice)
    problem = mi.Problem(
        net,
        mi.Tasks(x, y[0], q, y[1]),
        Unrolled(1, 0.1),
        inner_loss=mi.cross_entropy,
        outer_reg=0.1,
    )
    lam = FromModule(net).current()
    v = torch.randn(len(lam), generator=g, dtype=torch.float64)
    v = v / v.norm()

    def slope(h):
        return (problem.gradient(lam + h * v) - problem.gradient(lam - h * v)) / (2 * h)

    expected = (4 * slope(5e-5) - slope(1e-4)) / 3
    assert_close(problem.hessian_product(lam, v[:, None])[:, 0], expected, 1e-9)


def test_batch_statistics_are_named():
    """Batch normalisation whose statistics weights do not reach, taken in silence."""
    assert FromModule(conv4(2, hidden=4)).batch_statistics == "block1.1"
    assert FromModule(conv4(2, hidden=4, normalisation="group")).batch_statistics is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: conv4(normalisation="instance"), "normalisation must be one of batch, group"),
        (lambda: conv4(activation="swish"), "activation must be one of relu, tanh"),
        (lambda: conv4(downsample="none"), "downsample must be"),
        (lambda: conv4(size=8), "cannot be halved 4 times"),
        (lambda: conv4(0), "at least 1"),
        (lambda: conv4(seed=-1), "seed must be"),
        (lambda: conv4(dtype=torch.int64), "floating-point dtype"),
        (lambda: mlp((3,)), "at least two numbers"),
        (lambda: mnist_cnn(dropout=1.0), "dropout must lie"),
    ],
)
def test_bad_choices(build, message):
    with pytest.raises(InvalidProblem, match=message):
        build()
