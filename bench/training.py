"""What the adjoint of a training run costs, in training runs: python -m bench.training [names].

Writes bench/results/training.json. Training is the recipe's steps alone (gradients and optimiser); the
adjoint is that of all task weights for 1 and 10 targets, and of all instance weights too for 1. All are
taken in turn within one process, so the ratios hold on a busy machine; accuracy stands beside them: the
adjoint against the tangent dotted with the target's gradient, and against extrapolated reruns. Beside the
times stand multiplications: a bilinear operation, such as a convolution, has a derivative of two, so a
gradient that costs 1 and its derivative along one direction come to 3, and each further direction to 2.
"""

import json
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

import metainfl as mi
from bench.multiplications import multiplications
from bench.names import chosen, told
from metainfl.data import digit_tasks
from metainfl.oracle.bridge import tasks_of
from metainfl.report.environment import environment
from metainfl.training import Adam, Recipe, train
from metainfl.training.networks import conv4, mlp

RESULT = Path(__file__).parent / "results" / "training.json"
INSTANCES = ("task_weight", "support_weight", "query_weight")


def digits_mlp():
    """64-16-5 tanh, MAML with one step, digit tasks, batches of 16, Adam, float64: 1,125 parameters."""
    tasks = tasks_of(digit_tasks(tasks=236))
    problem = mi.Problem(
        mlp((64, 16, 5)),
        tasks,
        mi.Unrolled(1, 0.1),
        inner_loss=mi.cross_entropy,
        outer_reg=1e-3,
    )
    optimiser = Adam(eps=1e-4, eps_inside_root=True)
    return problem, Recipe(optimiser=optimiser, rate=0.01, steps=30, batch_size=16)


def convolution():
    """Conv-4 with 64 channels, softplus and group norm on noise of Omniglot's shape, 5-way 1-shot."""
    draw = torch.Generator().manual_seed(0)
    eye = torch.eye(5)
    x, q = (
        torch.randn(4, 5, 1, 28, 28, generator=draw),
        torch.randn(4, 25, 1, 28, 28, generator=draw),
    )
    y = eye.expand(4, 5, 5).clone()
    tasks = mi.Tasks(x, y, q, eye.repeat_interleave(5, 0).expand(4, 25, 5).clone())
    net = conv4(
        5, dtype=torch.float32, normalisation="group", activation="softplus", downsample="mean"
    )
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    return problem, Recipe(
        optimiser=Adam(eps=1e-4, eps_inside_root=True), rate=1e-3, steps=2, batch_size=2
    )


CASES = {"digits_mlp": (digits_mlp, 7), "convolution": (convolution, 2)}


def interleaved(ways, repeat):
    """Median processor seconds of each, taken in turn; the slow last one once in every two turns."""
    times = {name: [] for name in ways}
    for turn in range(repeat):
        for name, f in ways.items():
            if name == "ten_targets" and turn % 2:
                continue
            started = time.process_time()
            f()
            times[name].append(time.process_time() - started)
    return {name: float(np.median(t)) for name, t in times.items()}


def measured(make, repeat):
    """Costs in training runs, and errors."""
    problem, recipe = make()
    run = train(problem, recipe, progress=False)
    few = [k % problem.tasks.n_tasks for k in range(10)]
    seeds = run.target_slopes(problem.tasks.select(few))
    seeds = seeds * torch.linspace(0.5, 1.5, 10).to(seeds)[:, None]
    ways = {
        "training": lambda: run.program.run_to(recipe.steps),
        "one_target": lambda: run.sensitivities(seeds[:1]),
        "one_target_all_instances": lambda: run.sensitivities(seeds[:1], INSTANCES),
        "ten_targets": lambda: run.sensitivities(seeds),
    }
    times = interleaved(ways, repeat)
    counted = multiplications(ways)
    base = times.pop("training")
    return {
        "parameters": problem.n_meta,
        "tasks": problem.tasks.n_tasks,
        "recipe": json.loads(recipe.to_json()),
        "plan": str(run.program.plan),
        "seconds_a_step": base / recipe.steps,
        "in_training_runs": {name: t / base for name, t in times.items()},
        "multiplications_in_training_runs": {n: c for n, c in counted.items() if n != "training"},
        "errors": errors(run, problem),
    }


def errors(run, problem):
    """Largest error over the largest entry, of the first tasks of the first batch on one target."""
    pis = [mi.task(k) for k in run.program.batches[0][:2]]
    target = problem.tasks.select([1])
    value = run.scores(target, pis).value[:, 0]
    forwards = run.influence(pis).value @ run.target_slopes(target)[0]
    # far enough for single precision to resolve the difference, near enough for the remainder h^6 or h^4
    h, rows = (0.02, 3) if run.lam.dtype == torch.float64 else (0.5, 2)

    def central(p, h):
        up, down = (run.replay({p: 1 + s * h}).target_losses(target)[0] for s in (1, -1))
        return (up - down) / (2 * h)

    def extrapolated(p):
        row = [central(p, h / 2**i) for i in range(rows)]
        for j in range(1, rows):
            row = [(4**j * b - a) / (4**j - 1) for a, b in pairwise(row)]
        return row[0]

    def gap(other):
        return float((value - other).abs().max() / other.abs().max())

    return {
        "adjoint_against_tangent": gap(forwards),
        "adjoint_against_reruns": gap(torch.stack([extrapolated(p) for p in pis])),
    }


def main(names):
    """Measure and write; results of other names stay."""
    torch.set_num_threads(1)
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in chosen(names, CASES):
        make, repeat = CASES[name]
        found[name] = measured(make, repeat)
        print(name, json.dumps(found[name], indent=2))
    found["environment"] = environment()
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    told(__doc__, *CASES)
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
