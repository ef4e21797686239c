"""Kind guarded: a right loop refused for the rounding that Adam magnifies, and a wrong one passed with it."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import metainfl as mi
from metainfl.errors import NotReplayed
from metainfl.training import Recorder
from tests.helpers import relative
from tests.training.helpers import network

STEPS, RATE = 12, 0.01


def looped(dtype=torch.float64, nudge=None):
    """learn2learn's layers, small: the bias before the normalisation has a gradient of exactly zero."""
    torch.manual_seed(1)
    normal = nn.BatchNorm1d(6, track_running_stats=False)
    net = nn.Sequential(nn.Linear(5, 6), normal, nn.Tanh(), nn.Linear(6, 3)).to(dtype)
    tasks = network(dtype=dtype).tasks
    problem = mi.Problem(net, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=0)
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    recorder = Recorder(net, optimiser)
    for t in range(STEPS):
        optimiser.zero_grad()
        batch = [t % 6, (t + 2) % 6]
        for k in batch:
            x, y, q, z = (v[k] for v in tasks.view()[:4])
            fit = cross_entropy(net(x), y, reduction="sum")
            slopes = torch.autograd.grad(fit, list(net.parameters()), create_graph=True)
            own = dict(net.named_parameters())
            fast = {n: p - 0.1 * g for (n, p), g in zip(own.items(), slopes, strict=True)}
            out = torch.func.functional_call(net, fast, (q,))
            (cross_entropy(out, z, reduction="sum") / 2).backward()
        optimiser.step()
        if nudge and t == 5:
            which, by = nudge
            own[which].data.view(-1)[0] += by
        recorder.step(batch)
    return recorder, problem


def bias(dtype=torch.float64):
    """Where the parameters of zero gradient stand."""
    names = {"0.weight": 30, "0.bias": 6, "1.weight": 6, "1.bias": 6, "3.weight": 18, "3.bias": 3}
    return torch.cat([torch.full((n,), k == "0.bias") for k, n in names.items()])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_bias_before_batch_norm_is_no_reason_to_refuse(dtype):
    """Guards "step 0 of the loop is not the recipe's" for the field's most usual loop."""
    recorder, problem = looped(dtype)
    run = recorder.run(problem)
    eps, end = torch.finfo(dtype).eps, recorder.states[-1]
    assert torch.equal(recorder.loose & bias(), recorder.loose)
    assert relative(run.lam[~bias()], end[~bias()]) < 1e4 * eps
    if dtype == torch.float32:
        assert recorder.loose.any()  # they end elsewhere, which is said


@pytest.mark.parametrize(
    "nudge", [("0.bias", 3 * RATE), ("0.weight", 1e-9), ("1.bias", 1e-9), ("3.bias", 1e-9)]
)
def test_a_step_that_is_another_is_refused_all_the_same(nudge):
    """Guards an allowance for rounding that other parameters get as well."""
    recorder, problem = looped(nudge=nudge)
    with pytest.raises(NotReplayed, match="step 5 of the loop"):
        recorder.run(problem)


def blocks(width, count):
    """The field's convolution, narrow: each bias stands before a batch normalisation."""
    layers, c = [], 1
    for _ in range(count):
        normal = nn.BatchNorm2d(width, track_running_stats=False)
        layers += [nn.Conv2d(c, width, 3, padding=1), normal, nn.ReLU(), nn.MaxPool2d(2)]
        c = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, 3)).double()


def drawn_strokes():
    """Pictures of three tasks, empty in large parts, as drawings are."""
    ink = nn.functional.avg_pool2d(torch.rand(18, 1, 28, 28), 7, 1, 3) > 0.52
    return torch.rand(3, 6, 1, 28, 28, dtype=torch.float64) * ink.reshape(3, 6, 1, 28, 28)


def test_deep_normalised_blocks_are_no_reason_to_refuse():
    """Guards a refusal of the field's own network: each block magnifies the rounding of those before it."""
    torch.manual_seed(0)
    net = blocks(16, 4)
    x, q = drawn_strokes(), drawn_strokes()
    y = torch.arange(3).repeat_interleave(2).expand(3, -1)
    tasks = mi.Tasks(x, y, q, y)
    problem = mi.Problem(net, tasks, mi.Unrolled(1, 0.05), inner_loss=mi.cross_entropy, outer_reg=0)
    optimiser = torch.optim.Adam(net.parameters(), 0.001)
    recorder = Recorder(net, optimiser)
    for _ in range(3):
        optimiser.zero_grad()
        for k in range(3):
            own = dict(net.named_parameters())
            fit = cross_entropy(net(x[k]), y[k], reduction="sum")
            slopes = torch.autograd.grad(fit, list(own.values()), create_graph=True)
            fast = {n: p - 0.05 * g for (n, p), g in zip(own.items(), slopes, strict=True)}
            out = torch.func.functional_call(net, fast, (q[k],))
            (cross_entropy(out, y[k], reduction="sum") / 3).backward()
        optimiser.step()
        recorder.step([0, 1, 2])
    recorder.run(problem)
    names = [n for n, p in net.named_parameters() for _ in range(p.numel())]
    moved = {n for n, loose in zip(names, recorder.loose.tolist(), strict=True) if loose}
    assert moved <= {"0.bias", "4.bias", "8.bias", "12.bias"}


def test_tasks_of_any_shapes_are_handed_over():
    """Guards an AssertionError for ragged tasks, and a refusal where shots differ between steps."""
    draw = torch.Generator().manual_seed(4)

    def drawn(shots):
        x, q = torch.randn(2, 3 * shots, 5, generator=draw, dtype=torch.float64)
        y = torch.arange(3).repeat_interleave(shots)
        own = {"support_x": x, "support_y": y, "query_x": q, "query_y": y}
        return own | {"task_weight": torch.tensor(0.5 + shots).double()}

    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    optimiser = torch.optim.SGD(net.parameters(), 0.02, momentum=0.5)
    recorder, given = Recorder(net, optimiser), []
    for sizes in ([2], [3, 1], [2, 2], [1]):
        batch = [drawn(s) for s in sizes]
        given += batch
        optimiser.zero_grad()
        for one in batch:
            fit = cross_entropy(net(one["query_x"]), one["query_y"], reduction="sum")
            (one["task_weight"] * fit / len(batch)).backward()
        optimiser.step()
        recorder.step(mi.Tasks.ragged(batch))
    like = mi.Tasks.ragged(given[:1])
    options = {"inner_loss": mi.cross_entropy, "outer_reg": 0}
    run = recorder.run(mi.Problem(net, like, mi.NoAdaptation(), **options))
    assert relative(run.lam, recorder.states[-1]) < 1e-12
    assert run.recipe.batches == ((0,), (1, 2), (3, 4), (5,))
    for k, one in enumerate(given):
        own = run.program.problem.tasks.side("query", k)[0]
        assert torch.equal(own, one["query_x"])
        assert run.program.problem.tasks.w[k] == one["task_weight"]
    with pytest.raises(mi.InvalidTasks, match="ragged tasks cannot be stacked"):
        run.program.problem.tasks.view()
