"""A module's own parameters, read past the copy that is differentiated: refused by name, never a constant."""

import copy
import functools
import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from metainfl.problem.origin import Origin


def linear(n, m):
    return nn.Linear(n, m).double()


class Tied(nn.Module):
    """Reads its encoder through a function that it holds."""

    def __init__(self, read):
        super().__init__()
        self.enc, self.head = linear(3, 3), linear(3, 1)
        self.dec = read(self)

    def forward(self, x):
        return self.head(torch.tanh(self.dec(torch.tanh(self.enc(x)))))


def hooked():
    net = nn.Sequential(linear(3, 3), nn.Tanh(), linear(3, 1))
    net[0].register_forward_hook(lambda m, i, o: o + i[0] @ net[2].weight.T)
    return net


def patched():
    net = nn.Sequential(linear(3, 3), nn.Tanh(), linear(3, 1))
    last = net[2]
    last.forward = lambda x: F.linear(x, last.weight, last.bias) ** 2
    return net


PAST = {
    "closure": lambda: Tied(lambda own: lambda z: F.linear(z, own.enc.weight.T)),
    "detached": lambda: Tied(lambda own: lambda z: z @ own.enc.weight.detach()),
    "listed": lambda: Tied(lambda own: lambda z: z * torch.stack([own.enc.bias, own.enc.bias])[0]),
    "number": lambda: Tied(lambda own: lambda z: z * own.head.bias.item()),
    "partial": lambda: Tied(lambda own: functools.partial(F.linear, weight=own.enc.weight)),
    "hook": hooked,
    "patched forward": patched,
}
INSIDE = {
    "method": lambda: Tied(lambda own: own.enc.forward),
    "layer": lambda: Tied(lambda own: own.enc),
    "shape": lambda: Tied(lambda own: lambda z: z * own.enc.weight.shape[0] / own.enc.bias.numel()),
    "kind": lambda: Tied(lambda own: lambda z: z + own.enc.bias.new_ones(3) + torch.ones_like(own.enc.bias)),
}  # fmt: skip


def tasks(seed=0):
    g = torch.Generator().manual_seed(seed)
    data = [torch.randn(4, n, d, generator=g, dtype=torch.float64) for n in (3, 5) for d in (3, 1)]
    return mi.Tasks(*data)


def problem_of(net, **options):
    return mi.Problem(net, tasks(), mi.Unrolled(1, 0.1), outer_reg=0.1, **options)


@pytest.mark.parametrize("name", PAST)
def test_a_parameter_read_past_the_model_is_named(name):
    """Guards influences that take a part of the network for a constant: 37 to 100 % wrong, silently."""
    problem = problem_of(PAST[name]())
    problem.lam = problem.own_start()
    with pytest.raises(mi.InvalidProblem, match="read past the model"):
        problem.gradient(problem.lam)


@pytest.mark.parametrize("name", INSIDE)
def test_what_the_copy_reads_of_itself_and_shapes_are_no_fault(name):
    """Guards refusals of modules whose functions go with the copy, or read no value."""
    problem = problem_of(INSIDE[name]())
    lam = problem.own_start()
    g, v = problem.gradient(lam), torch.randn(len(lam), dtype=torch.float64)
    h = 1e-6
    slope = (problem.objective(lam + h * v) - problem.objective(lam - h * v)) / (2 * h)
    assert float(g @ v) == pytest.approx(float(slope), rel=1e-6)


@pytest.mark.parametrize("side", ["inner_loss", "outer_loss"])
def test_a_loss_that_reads_the_module_is_named(side):
    """Guards a penalty on weights inside a loss, which would have no gradient."""
    net = nn.Sequential(linear(3, 3), nn.Tanh(), linear(3, 1))

    def penalised(outputs, targets):
        return (outputs - targets).square().sum(1) + net[0].weight.square().sum()

    problem = problem_of(net, **{side: penalised})
    with pytest.raises(mi.InvalidProblem, match=r"'0\.weight'.*read past the model"):
        problem.gradient(problem.own_start())


def test_a_teacher_with_parameters_of_its_own_is_a_constant():
    """Guards refusals of distillation: another network's parameters are no part of lam."""
    net, teacher = linear(3, 1), linear(3, 1)
    problem = problem_of(net, outer_loss=lambda o, y: (o - y * teacher.bias).square().sum(1))
    assert torch.isfinite(problem.gradient(problem.own_start())).all()


def test_pickles_hold_nothing_of_the_origin():
    """Guards workers that cannot be sent a model, and ids of another process taken for parameters."""
    net = linear(3, 1)
    origin = Origin(net)
    assert origin.name(net.weight) == "weight" and origin.name(net.weight.clone()) is None
    assert pickle.loads(pickle.dumps(origin)).name(net.weight) is None
    problem = pickle.loads(pickle.dumps(problem_of(net)))
    assert torch.isfinite(problem.gradient(problem.own_start())).all()


@pytest.mark.parametrize("name", ["closure", "partial"])
def test_a_copied_problem_refuses_as_its_original_does(name):
    """Guards a copy that forgets what it was made of; a pickle holds what its module brings along."""
    net = PAST[name]()
    own = problem_of(net)
    for problem in (
        copy.deepcopy(own),
        own.replaced(outer_reg=1.0),
        problem_of(own.setting.model.to(torch.float64)),
    ):
        with pytest.raises(mi.InvalidProblem, match="read past the model"):
            problem.gradient(problem.own_start())


def test_threads_that_share_a_problem_get_their_own_answers():
    """Guards parameters that one thread lends the module while another calls it: 900 % wrong, silently."""
    net = nn.Sequential(linear(3, 3), nn.Tanh(), linear(3, 1))
    problem = problem_of(net)
    own_start = problem.setting.model.current
    lams = [problem.own_start() * s for s in (1.0, 0.5, 2.0, -1.0)]
    want = [(problem.losses(lam), problem.gradient(lam)) for lam in lams]
    wrong, done = [], []
    start = problem.own_start()

    def work(k):
        for _ in range(10):
            if not torch.equal(own_start(), start):
                wrong.append("the module's own parameters")
            own = problem.replaced(lam=lams[k])
            for found, right in zip(
                (own.losses(lams[k]), problem.gradient(lams[k])), want[k], strict=True
            ):
                if not torch.allclose(found, right, rtol=1e-9, atol=0):
                    wrong.append(k)
        done.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(timeout=60)
    assert not wrong and sorted(done) == [0, 1, 2, 3]
