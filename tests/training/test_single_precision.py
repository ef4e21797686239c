"""Kind guarded: in single precision, another loop passed as rounding, and a right one refused for it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import metainfl as mi
from metainfl.errors import NotReplayed
from metainfl.training import SGD, Adam, AdamW, Recipe, Recorder
from metainfl.training.program import Program
from metainfl.training.within import Within
from tests.training.helpers import network

RATE = 0.4


def recorded(make, steps, *, width=64, pixels=64, seed=0):
    """A loop over means, as learn2learn has it: batch normalisation and ReLU, in float32."""
    torch.manual_seed(seed)
    layers = []
    for into in (pixels, width):
        normal = nn.BatchNorm1d(width, track_running_stats=False)
        layers += [nn.Linear(into, width), normal, nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(width, 5))
    x, q = ((torch.rand(6, 5, pixels) > 0.8).float() for _ in range(2))
    y = torch.arange(5).expand(6, -1)
    recorder = Recorder(net, make(net.parameters()))
    for t in range(steps):
        recorder.torch_optimiser.zero_grad()
        batch = [t % 6, (t + 1) % 6]
        for k in batch:
            own = dict(net.named_parameters())
            fit = cross_entropy(net(x[k]), y[k])
            slopes = torch.autograd.grad(fit, list(own.values()), create_graph=True)
            fast = {n: p - RATE * g for (n, p), g in zip(own.items(), slopes, strict=True)}
            out = torch.func.functional_call(net, fast, (q[k],))
            (cross_entropy(out, y[k]) / 2).backward()
        recorder.torch_optimiser.step()
        recorder.step(batch)

    def problem(rate=RATE, outer_reg=0.0):
        tasks, mean = mi.Tasks(x, y, q, y), lambda out, z: mi.cross_entropy(out, z) / 5
        own = {"inner_loss": mi.cross_entropy, "outer_loss": mean, "outer_reg": outer_reg}
        return mi.Problem(net, tasks, mi.Unrolled(1, rate / 5), **own)

    return recorder, problem


@pytest.mark.parametrize("other", [{"outer_reg": 0.01}, {"rate": 1.02 * RATE}])
def test_another_loop_is_no_rounding(other):
    """Guards moves of the parameters that cross kinks, whose size was then allowed for."""
    recorder, problem = recorded(
        lambda p: torch.optim.SGD(p, 0.05), 2, width=256, pixels=400, seed=0
    )
    recorder.run(problem())
    with pytest.raises(NotReplayed, match="step 0 of the loop is not the recipe's"):
        recorder.run(problem(**other))


def test_a_right_loop_is_given_back():
    """Guards a bias that only rounding moves, refused for a way that two shadows did not enclose."""
    recorder, problem = recorded(lambda p: torch.optim.Adam(p, 0.003), 6, seed=1)
    run = recorder.run(problem())
    names = [n for n, p in recorder.net.named_parameters() for _ in range(p.numel())]
    apart = {n for n, a in zip(names, recorder.loose.tolist(), strict=True) if a}
    assert apart <= {"0.bias", "3.bias"}
    assert torch.allclose(run.lam[~recorder.loose], recorder.states[-1][~recorder.loose], atol=1e-5)


def test_a_step_that_rounding_decides_proves_nothing():
    """Guards any recipe accepted where gradients are as small as their rounding: at a minimum, say."""
    torch.manual_seed(0)
    net, x = nn.Linear(8, 2), torch.randn(1, 20, 8)
    y = copy.deepcopy(net).double()(x.double()).float().detach()  # as good as the network's own
    nothing = torch.zeros(1, 0, 8), torch.zeros(1, 0, 2)
    problem = mi.Problem(net, mi.Tasks(*nothing, x, y), mi.NoAdaptation(), outer_reg=0.0)
    optimiser = torch.optim.Adam(net.parameters(), 0.01, eps=1e-12)
    recorder = Recorder(net, optimiser)
    (0.5 * (net(x[0]) - y[0]).square().sum()).backward()
    optimiser.step()
    recorder.step([0])
    with pytest.raises(NotReplayed, match="step 0 of the loop is lost in rounding"):
        recorder.run(problem)


@pytest.mark.parametrize(
    "optimiser",
    [
        SGD(momentum=0.9, dampening=0.2),
        SGD(momentum=0.7, nesterov=True, weight_decay=0.1),
        Adam(),
        Adam(beta1=0.8, beta2=0.9, eps=1e-4, weight_decay=0.1),
        AdamW(eps=1e-3, eps_inside_root=True),
        Adam(beta1=0.0, beta2=0.0),
    ],
    ids=str,
)
def test_every_gradient_within_d_ends_within_the_slack(optimiser):
    """Guards a slack that some history of gradients leaves: zeros and then rounding, say."""
    program = Program(network(outer_reg=0.0), Recipe(optimiser=optimiser, rate=0.05, steps=8), None)
    draw = torch.Generator().manual_seed(3)
    size = (200, program.problem.n_meta)
    # 200 loops beside one: gradients at the ends of what is possible, within it, or quiet until the last
    way = torch.rand(size, generator=draw).sign() * torch.randint(-1, 2, size, generator=draw)
    own, state, within = [program.start] * 200, program.start, Within(program)
    for t in range(8):
        g = torch.randn(size[1], generator=draw, dtype=torch.float64)
        g[::2] *= 1e-7  # as small as its rounding
        d = 1e-6 * (1 + torch.rand(size[1], generator=draw, dtype=torch.float64))
        after, beside = program.update(state, g, 0.05), within.step(t, g, d)
        slack = beside.slack(t, state, after)
        if t % 3 == 0:
            way = torch.randint(-1, 2, size, generator=draw)
        for i in range(200):
            towards = (
                way[i] * d if i % 2 else -g.clamp(min=-d, max=d) * (t < 7) + way[i] * (t == 7) * d
            )
            own[i] = program.update(own[i], g + towards, 0.05)
            assert ((own[i].lam - after.lam).abs() <= slack + 1e-12).all()
            own[i] = own[i]._replace(lam=after.lam)
        state, within = after, beside.at(after.lam)
