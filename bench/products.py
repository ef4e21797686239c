"""Hessian products: of a four-block CNN in meta-gradients, and what keeping graphs saves a CG solve.

Run by `python -m bench.speed dense hvp cg`.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.func import grad, vmap

import metainfl as mi
from metainfl.curvature import exact
from metainfl.data import digit_tasks
from metainfl.derive.stacks import stacks
from metainfl.oracle.bridge import problem_of
from metainfl.solve import CG
from metainfl.training.networks import tlxml_mlp
from metainfl_reference.families import FAMILIES


def block(channels_in, channels):
    """Convolution, batch statistics, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.BatchNorm2d(channels, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def convolutional(tasks):
    """112k parameters, 28x28, 5-way 1-shot, 5 queries a class, one inner step, float32."""
    torch.manual_seed(0)
    net = nn.Sequential(
        block(1, 64), block(64, 64), block(64, 64), block(64, 64), nn.Flatten(), nn.Linear(64, 5)
    )
    eye = torch.eye(5)
    episodes = mi.Tasks(
        torch.randn(tasks, 5, 1, 28, 28),
        eye.expand(tasks, 5, 5).clone(),
        torch.randn(tasks, 25, 1, 28, 28),
        eye.repeat_interleave(5, 0).expand(tasks, 25, 5).clone(),
    )
    problem = mi.Problem(
        net, episodes, mi.Unrolled(1, 0.4), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    problem.lam = problem.setting.model.current()
    return problem


def interleaved(ways, repeat=9):
    """Median seconds of each, taken in turn so that the machine's moods meet all of them."""
    times = {name: [] for name in ways}
    for f in ways.values():
        f()
    for _ in range(repeat):
        for name, f in ways.items():
            started = time.perf_counter()
            f()
            times[name].append(time.perf_counter() - started)
    return {name: float(np.median(t)) for name, t in times.items()}


def dense(tasks=128):
    """The dense Hessian of 1,413 parameters, 5-way with 5 shots and 5 queries, one inner step, float64: the
    first call, which plans, and the next.
    """
    draw = torch.Generator().manual_seed(0)
    eye = torch.eye(5, dtype=torch.float64)[torch.arange(25) % 5].expand(tasks, 25, 5).clone()
    x, q = (torch.randn(tasks, 25, 36, generator=draw, dtype=torch.float64) for _ in range(2))
    problem = mi.Problem(
        tlxml_mlp(36, 5),
        mi.Tasks(x, eye, q, eye),
        mi.Unrolled(1, 0.1),
        inner_loss=mi.cross_entropy,
        outer_reg=1e-3,
    )
    lam, times = problem.setting.model.current(), []
    for _ in range(2):
        started = time.perf_counter()
        problem.hessian(lam)
        times.append(time.perf_counter() - started)
    return {
        "parameters": problem.n_meta,
        "tasks": tasks,
        "plan": str(problem.plan),
        "seconds": times,
    }


def hvp(tasks=4):
    """Products in meta-gradients: a single one, one of many, and the ways not chosen."""
    problem = convolutional(tasks)
    lam = problem.lam
    v = torch.randn_like(lam)
    kept = exact(problem)
    kept @ v  # plans and records
    loop = problem.replaced(product="forward", chunk=1)
    batched = problem.replaced(chunk=tasks)

    def double_backward():
        """By torch.func alone, batched over tasks: the gradient of gradient . v."""
        view, w, state, _ = next(stacks(batched, lam, size=tasks))

        def along(at):
            each = vmap(lambda t, s: grad(problem.task_loss)(at, t, s) @ v)
            return w @ each(view, state)

        return grad(along)(lam)

    times = interleaved(
        {
            "gradient": lambda: problem.gradient(lam),
            "single product": lambda: problem.hessian_product(lam, v),
            "kept product": lambda: kept @ v,
            "forward over reverse, loop": lambda: loop.hessian_product(lam, v),
            "reverse over reverse, torch.func": double_backward,
        }
    )
    one = times["gradient"]
    return {
        "parameters": problem.n_meta,
        "tasks": tasks,
        "plan": str(problem.plan),
        "gradient_seconds": one,
        "in_meta_gradients": {name: t / one for name, t in times.items() if name != "gradient"},
        "kept_mib_a_task": problem.plan.bytes_a_task / 2**20,
        "reverse_over_reverse_over_kept": times["reverse over reverse, torch.func"]
        / times["kept product"],
    }


def digits_cg():
    """One CG solve with 160 meta-parameters: graphs kept between products against none."""
    family = FAMILIES["proximal_ridge"](digit_tasks(components=16), d_in=1.0, d_out=1.0)
    problem = problem_of(family)
    problem.solve()
    b = problem.task_gradients(problem.lam, problem.tasks.select([0])).T
    none = problem.replaced(keep=0)
    times = interleaved(
        {
            "kept": lambda: CG(rtol=1e-8)(exact(problem), b),
            "not kept": lambda: CG(rtol=1e-8)(exact(none), b),
        }
    )
    return {"seconds": times, "ratio": times["not kept"] / times["kept"]}
