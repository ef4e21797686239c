"""Speed, as ratios within one run: python -m bench.speed [names]; writes bench/results/speed.json.

loo        reference: exact leave-one-out of 252 digit tasks with 320 meta-parameters, seconds
digits     influence of all 252 digit tasks against re-solving 252 times, both in production
targets    scores of all tasks on m targets, against m solves
scaling    time of the dense total Hessian against the number of tasks: log-log slope
memory     peak memory of the same, against the number of tasks
hvp        total-Hessian product of a four-block CNN against one meta-gradient and double backward
"""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

import metainfl as mi
from metainfl.data import digit_tasks
from metainfl.environment import environment
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.removal import without
from metainfl.solve import CG
from metainfl_reference.estimands import removal
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import regression
from metainfl_reference.perturbation import task

RESULT = Path(__file__).parent / "results" / "speed.json"


def seconds(f, repeat=3):
    """Median wall time of f() after one warm-up."""
    f()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        f()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def loo():
    """All 252 removals in the reference, from data to certified lam* to downdates."""
    started = time.perf_counter()
    family = FAMILIES["proximal_ridge"](digit_tasks(), d_in=1.0, d_out=1.0)
    at = family.solve()
    removal.exact_many(family, [task(k) for k in range(252)], at)
    return {"meta_parameters": family.n_meta, "seconds": time.perf_counter() - started}


def digits():
    """One solve for all influences, against a Newton solve (exact here) for each removal."""
    family = FAMILIES["proximal_ridge"](digit_tasks(components=16), d_in=1.0, d_out=1.0)
    problem = problem_of(family)
    problem.solve()
    pis = [task(k) for k in range(252)]
    all_at_once = seconds(lambda: mi.task_if(problem, pis))

    def resolve():
        for p in pis[:3]:
            other = problem.replaced(tasks=without(problem.tasks, p))
            other.solve(problem.lam)

    one = seconds(resolve, 1) / 3
    return {
        "influence_seconds": all_at_once,
        "resolve_one_seconds": one,
        "ratio": 252 * one / all_at_once,
    }


def targets():
    """Scores of 252 tasks and all their query instances on m targets, against m CG solves alone."""
    family = FAMILIES["proximal_ridge"](digit_tasks(components=16), d_in=1.0, d_out=1.0)
    problem = problem_of(family)
    problem.solve()
    chosen = tasks_of(digit_tasks(components=16, seed=1)).select(list(range(10)))
    pis = [task(k) for k in range(252)]
    from metainfl.curvature import exact

    slopes = problem.task_gradients(problem.lam, chosen).T
    solves = seconds(lambda: CG(rtol=1e-8)(exact(problem), slopes))
    scores = seconds(lambda: mi.scores(problem, pis, chosen, solver=CG(rtol=1e-8)))
    return {
        "targets": 10,
        "solves_seconds": solves,
        "scores_seconds": scores,
        "ratio": scores / solves,
    }


def scaling():
    """The dense total Hessian of 32 meta-parameters, 64 to 4,096 tasks."""
    sizes, times = (64, 256, 1024, 4096), []
    for t in sizes:
        family = FAMILIES["proximal_ridge"](regression(0, tasks=t, d=8, c=4), d_in=1.0, d_out=1.0)
        problem = problem_of(family)
        problem.lam = torch.zeros(32, dtype=torch.float64)
        times.append(seconds(lambda p=problem: p.hessian(p.lam), 3))
    slope = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
    last = float(np.log(times[-1] / times[-2]) / np.log(sizes[-1] / sizes[-2]))
    return {"tasks": sizes, "seconds": times, "log_log_slope": slope, "slope_at_the_end": last}


MEMORY = """
import sys, torch
from metainfl.ledger.memory import growth
from metainfl.oracle.bridge import problem_of
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import regression
torch.set_num_threads(1)
episodes = regression(0, tasks=int(sys.argv[1]), d=8, c=4)
problem = problem_of(FAMILIES["proximal_ridge"](episodes, d_in=1.0, d_out=1.0)).replaced(chunk=64)
problem.lam = torch.zeros(32, dtype=torch.float64)
print(growth(lambda: problem.hessian(problem.lam)))
"""


def memory():
    """What the peak memory of a process grows by for a dense Hessian, 64 tasks at a time, in MiB."""
    sizes = (256, 1024, 4096, 16384)
    grown = []
    for t in sizes:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(t)], capture_output=True, text=True, check=True
        )
        grown.append(float(done.stdout))
    return {"tasks": sizes, "peak_growth_mib": grown}


def block(channels_in, channels):
    """Convolution, batch statistics, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.BatchNorm2d(channels, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def hvp(tasks=4):
    """112k parameters, 28x28, 5-way 1-shot, 5 queries a class, one inner step, float32."""
    torch.manual_seed(0)
    net = nn.Sequential(
        block(1, 64), block(64, 64), block(64, 64), block(64, 64), nn.Flatten(), nn.Linear(64, 5)
    )
    model = mi.FromModule(net)
    eye = torch.eye(5)
    episodes = mi.Tasks(
        torch.randn(tasks, 5, 1, 28, 28),
        eye.expand(tasks, 5, 5).clone(),
        torch.randn(tasks, 25, 1, 28, 28),
        eye.repeat_interleave(5, 0).expand(tasks, 25, 5).clone(),
    )
    problem = mi.Problem(
        model, episodes, mi.Unrolled(1, 0.4), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    lam = model.current()
    v = torch.randn_like(lam)

    def double_backward():
        x = lam.clone().requires_grad_(True)
        total = 0
        for view, w, state in problem.chunks(x, episodes):
            for k in range(len(w)):
                one = type(view)(*(t[k] for t in view))
                total = total + w[k] * problem.task_loss(x, one, state)
        (g,) = torch.autograd.grad(total, x, create_graph=True)
        return torch.autograd.grad(g @ v, x)[0]

    out = {"parameters": problem.n_meta, "tasks": tasks}
    for chunk in (1, tasks):
        p = problem.replaced(chunk=chunk)
        out["mode"] = p.product_mode
        gradient = seconds(lambda p=p: p.gradient(lam))
        product = seconds(lambda p=p: p.hessian_product(lam, v))
        out[f"chunk {chunk}"] = {
            "gradient_seconds": gradient,
            "product_seconds": product,
            "ratio": product / gradient,
        }
    out["double_backward_seconds"] = seconds(double_backward, 1)
    best = min(out[f"chunk {c}"]["product_seconds"] for c in (1, tasks))
    out["double_backward_over_product"] = out["double_backward_seconds"] / best
    return out


RUNS = {
    "loo": loo,
    "digits": digits,
    "targets": targets,
    "scaling": scaling,
    "memory": memory,
    "hvp": hvp,
}

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    data = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in sys.argv[1:] or RUNS:
        data[name] = RUNS[name]()
        data["environment"] = environment()
        RESULT.write_text(json.dumps(data, indent=1) + "\n")
        print(name, json.dumps(data[name]), flush=True)
