"""Speed, as ratios within one run: python -m bench.speed [names]; writes bench/results/speed.json.

loo        reference: exact leave-one-out of 252 digit tasks with 320 meta-parameters, seconds
digits     influence of all 252 digit tasks against re-solving 252 times, both in production
targets    scores of all tasks on m targets, against m solves
scaling    time of the dense total Hessian against the number of tasks: log-log slope
memory     peak memory of the same, against the number of tasks
dense      the dense total Hessian of TLXML's fully connected network, 1,413 parameters and 128 tasks, seconds
hvp        total-Hessian products of a four-block CNN, in meta-gradients
cg         one CG solve with graphs kept between products against none kept
"""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

import metainfl as mi
from bench.names import chosen, told
from bench.products import dense, digits_cg, hvp
from metainfl.curvature import exact
from metainfl.data import digit_tasks
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.problem.weights import without
from metainfl.report.environment import environment
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
    pis = [mi.task(k) for k in range(252)]
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
    pis = [mi.task(k) for k in range(252)]
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


RUNS = {
    "loo": loo,
    "digits": digits,
    "targets": targets,
    "scaling": scaling,
    "memory": memory,
    "dense": dense,
    "hvp": hvp,
    "cg": digits_cg,
}

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    data = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    told(__doc__, *RUNS)
    for name in chosen(sys.argv[1:], RUNS):
        data[name] = RUNS[name]()
        data["environment"] = environment()
        RESULT.write_text(json.dumps(data, indent=1) + "\n")
        print(name, json.dumps(data[name]), flush=True)
