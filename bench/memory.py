"""A long run within a given memory: python -m bench.memory [steps].

The 4-block network of learn2learn for Omniglot without normalisation (111,554 parameters, single precision),
Adam, one 2-way 1-shot task of 28 x 28 noise a step; states within 1 GiB, and within 64 MiB. Peak memory is
that of the process over what it held when training began; the cost of the adjoint stands beside what the
checkpoint scheme predicts. Writes bench/results/memory.json.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import torch

import metainfl as mi
from bench.names import told
from metainfl.report.environment import environment
from metainfl.training import Adam, Recipe, train
from metainfl.training.networks import omniglot_cnn

OUT = Path(__file__).parent / "results" / "memory.json"
TASKS, WAYS = 16, 2


def problem():
    draw = torch.Generator().manual_seed(0)
    x, q = (torch.randn(TASKS, WAYS, 1, 28, 28, generator=draw) for _ in range(2))
    y = torch.eye(WAYS).expand(TASKS, -1, -1).clone()
    net = omniglot_cnn(WAYS, dtype=torch.float32, normalisation="none", activation="softplus")
    return mi.Problem(
        net, mi.Tasks(x, y, q, y), mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )


def peak():
    """MiB, the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(steps, keep):
    """Training, then the adjoint of one target, in seconds and MiB."""
    optimiser = Adam(eps=1e-4, eps_inside_root=True)
    recipe = Recipe(optimiser=optimiser, rate=1e-4, steps=steps, batch_size=1)
    own = problem()
    train(own, Recipe(optimiser=optimiser, rate=1e-4, steps=3, batch_size=1), progress=False)
    before = peak()
    run = train(own, recipe, keep=keep, progress=False)
    few, started = min(steps, 300), time.process_time()
    run.program.run_to(few)  # steps alone: choosing a plan is no part of them
    trained = (time.process_time() - started) * steps / few
    started = time.process_time()
    run.sensitivities(run.target_slopes(own.tasks.select([0])))
    back = time.process_time() - started
    kept = run.kept
    return {
        "steps": steps,
        "keep_mib": keep / 2**20,
        "state_mib": run.state.bytes() / 2**20,
        "capacity": kept.capacity,
        "states_at_once": kept.peak,
        "recomputed_a_step": kept.recomputed / steps,
        "seconds_a_step": trained / steps,
        "adjoint_in_training_runs": back / trained,
        "peak_growth_mib": peak() - before,
    }


def main(steps):
    torch.set_num_threads(1)
    rows = []
    # every state of the first is kept: what recomputing adds is read off against it
    for n, keep in ((min(300, steps // 4), 2**30), (min(300, steps // 4), 2**26), (steps, 2**30)):
        rows.append(measured(n, keep))
        print(json.dumps(rows[-1]), flush=True)
    own = {"parameters": problem().own_start().numel(), "rows": rows}
    OUT.write_text(json.dumps({**own, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    told(__doc__, number=True)
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
