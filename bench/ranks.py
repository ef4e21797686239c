"""What a second rank gives: python -m bench.ranks. Writes bench/results/ranks.json.

The 4-block network of `bench.products` on tasks of 28 x 28, five ways: total-Hessian products over all tasks,
and a run with its adjoint for one target, by one process and by two that share the loop (gloo, one thread
each), turn by turn. Throughput is the ratio of median times. In single precision: beside it stands how far
answers differ between turns and processes (in double precision the tests hold them to 1e-12).
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch

from bench.names import told
from bench.products import convolutional
from metainfl.report.environment import environment
from metainfl.scale.ranks import ranks
from metainfl.training import Adam, Recipe, train

RESULT = Path(__file__).parent / "results" / "ranks.json"
TASKS, STEPS, BATCH, TURNS = 16, 4, 8, 5


def timed(call):
    started = time.perf_counter()
    value = call()
    return time.perf_counter() - started, value


def work():
    """Seconds of each, and a sum of the answers; what every process does."""
    torch.set_num_threads(1)
    problem = convolutional(TASKS).replaced(product="reverse", chunk=1)
    lam = problem.lam
    v = torch.randn(len(lam), generator=torch.Generator().manual_seed(0)).to(lam)
    optimiser = Adam(eps=1e-4, eps_inside_root=True)
    recipe = Recipe(optimiser=optimiser, rate=1e-3, steps=STEPS, batch_size=BATCH)
    run = train(problem, recipe, progress=False)
    slopes = run.target_slopes(problem.tasks.select([0]))
    ways = {
        "product": lambda: problem.hessian_product(lam, v),
        "training": lambda: run.program.run_to(STEPS).lam,
        "adjoint": lambda: run.sensitivities(slopes).value["task_weight"],
    }
    out = {}
    for name, call in ways.items():
        call()
        found = [timed(call) for _ in range(3)]
        out[name] = {"seconds": min(t for t, _ in found), "size": float(found[0][1].norm())}
    return out


def child():
    """One of several ranks: the first prints."""
    with ranks():
        found = work()
    if os.environ["RANK"] == "0":
        print(json.dumps(found))


def started(size):
    """`work` by `size` processes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    own = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": str(size),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-W", "ignore", "-m", "bench.ranks", "child"]
    every = [
        subprocess.Popen(
            command, env={**os.environ, **own, "RANK": str(r)}, stdout=subprocess.PIPE, text=True
        )
        for r in range(size)
    ]
    said = [p.communicate(timeout=300)[0] for p in every]
    return json.loads(said[0].splitlines()[-1])


def main():
    turns = {size: [] for size in (1, 2)}
    for _ in range(TURNS):
        for size, found in turns.items():
            found.append(started(size))
    rows = {}
    for name in turns[1][0]:
        one, two = (median(t[name]["seconds"] for t in turns[s]) for s in (1, 2))
        sizes = [t[name]["size"] for s in (1, 2) for t in turns[s]]
        rows[name] = {
            "seconds": one,
            "throughput_of_two": one / two,
            "answers_differ": (max(sizes) - min(sizes)) / max(sizes),
        }
        print(name, json.dumps(rows[name]))
    own = {"tasks": TASKS, "steps": STEPS, "batch": BATCH, "turns": TURNS}
    RESULT.write_text(
        json.dumps({**own, "rows": rows, "environment": environment()}, indent=1) + "\n"
    )


if __name__ == "__main__":
    told(__doc__, "child")
    child() if sys.argv[1:] == ["child"] else main()
