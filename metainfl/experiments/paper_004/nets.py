"""The networks that 004 trains on images, and their heads at a minimum.

Digits, MNIST and EMNIST: two convolutions of stride 2, a layer, a head (Table 6), all data at each step.
CIFAR-10: a ConvMixer of eight layers of 256 channels (Trockman and Kolter 2023), in batches of 128.
Networks are trained, and read, on the device that is asked for (`placing`); heads are solved on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy as plain_cross_entropy

from metainfl.adaptation import NoAdaptation
from metainfl.derive.problem import Problem
from metainfl.experiments.paper_004.single_level import single
from metainfl.experiments.placing import place
from metainfl.problem.losses import cross_entropy
from metainfl.problem.model import Linear


def network(side: int, classes: int, seed: int, channels: int, width: int) -> nn.Sequential:
    """Features of `width`, then the head; its start depends on the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        half = (side + 3) // 4
        return nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.5 if width > 16 else 0.0),
            nn.Linear(2 * channels * half * half, width), nn.ReLU(), nn.Linear(width, classes),
        )  # fmt: skip


class Added(nn.Module):
    """What a module gives, and what it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """x + inner(x)."""
        out: Tensor = self.inner(x) + x
        return out


def conv_mixer(classes: int, seed: int, width: int, depth: int) -> nn.Sequential:
    """Patches of 2 x 2, `depth` layers of mixing by 5 x 5 and by channel, mean over places, the head."""

    def norm() -> list[nn.Module]:
        return [nn.GELU(), nn.BatchNorm2d(width)]

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = [nn.Conv2d(3, width, 2, stride=2), *norm()]
        for _ in range(depth):
            places = nn.Conv2d(width, width, 5, groups=width, padding=2)
            layers += [Added(nn.Sequential(places, *norm())), nn.Conv2d(width, width, 1), *norm()]
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, *pooled, nn.Linear(width, classes))


def trained_with(
    sizes: Mapping[str, int], seed: int
) -> Callable[[Tensor, Tensor], tuple[Problem, Callable[[Tensor], Tensor]]]:
    """Adam on all parameters; then the head, with a constant for its bias, at its minimum.

    `sizes`: width, steps, channels or depth, batch (0: all at once), and a thousand times the rate.
    """
    width, batch = sizes["width"], sizes.get("batch", 0)

    def trained(x: Tensor, y: Tensor) -> tuple[Problem, Callable[[Tensor], Tensor]]:
        if x.shape[1] == 3:
            net = conv_mixer(y.shape[1], seed, width, sizes["depth"])
        else:
            net = network(x.shape[-1], y.shape[1], seed, sizes["channels"], width)
        device, dtype = place()
        net.to(device, dtype)
        here = next(net.parameters())
        way = torch.optim.Adam(net.parameters(), lr=sizes["rate"] / 1000)
        draw = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng():  # of dropout
            torch.manual_seed(seed)
            x_here, y_here = x.to(here), y.to(here)
            for _ in range(sizes["steps"]):
                some = torch.randint(len(x), (batch,), generator=draw) if batch else slice(None)
                way.zero_grad()
                plain_cross_entropy(net(x_here[some]), y_here[some]).backward()
                way.step()
        net.eval()

        def read(inputs: Tensor) -> Tensor:
            with torch.no_grad():
                h = torch.cat([net[:-1](part.to(here)) for part in inputs.split(1000)]).to(y)
            return torch.cat([h / width**0.5, h.new_ones(len(h), 1)], dim=1)

        head = Problem(
            Linear(width + 1, y.shape[1]), single(read(x), y), NoAdaptation(),
            inner_loss=cross_entropy, outer_reg=0.1,
        )  # fmt: skip
        head.solve(y.new_zeros((width + 1) * y.shape[1]), progress=False)
        return head, read

    return trained
