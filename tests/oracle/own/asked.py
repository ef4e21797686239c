"""Small problems of a user's own, and methods to be judged on them."""

import torch

import metainfl as mi
from metainfl.oracle import check_method

FILE = """
import torch
import metainfl as mi

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 1).double()

    def forward(self, x):
        return self.inner(torch.tanh(x))

def problem():
    torch.manual_seed(1)
    x, y = torch.randn(5, 8, 3).double(), torch.randn(5, 8, 1).double()
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    found = mi.Problem(Net(), tasks, mi.Unrolled(1, 0.05), inner_loss=mi.squared, outer_reg=1.0)
    found.solve()
    return found

def doubled(problem, perturbations):
    return 2 * mi.influence(problem, perturbations).value

def somewhere():
    found = problem()
    found.lam = found.lam + 0.3
    return found
"""


def problem(dtype=torch.float64, adaptation=None, weights=True, ragged=False):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    if adaptation is not None:
        net = torch.nn.Linear(3, 1)
    x, y = torch.randn(7, 9, 3).to(dtype), torch.randn(7, 9, 1).to(dtype)
    w = torch.rand(7).to(dtype) + 0.5 if weights else torch.ones(7).to(dtype)
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:], w)
    if ragged:
        parts = [(4, 9)] * 6 + [(2, 5)]
        sides = [
            {
                "support_x": x[k, :a],
                "support_y": y[k, :a],
                "query_x": x[k, a:b],
                "query_y": y[k, a:b],
            }
            for k, (a, b) in enumerate(parts)
        ]
        tasks = mi.Tasks.ragged(sides)
    found = mi.Problem(
        net.to(dtype),
        tasks,
        adaptation or mi.Unrolled(2, 0.05),
        inner_loss=mi.squared,
        outer_reg=2.0,
    )
    found.solve()
    return found


def exact(problem, pis):
    return mi.influence(problem, pis).value


def judged(method, on, **options):
    return check_method(method, on=on, quick=True, in_process=True, **options)


def failed(report):
    return [o.check for o in report.failures]
