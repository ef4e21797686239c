"""What exact scores cost at the size of TLXML's larger network: python -m bench.large [tasks].

121,093 parameters (four convolutions of 64 channels on 84 x 84, softplus, group norm), MAML of one step, one
pass over the tasks in batches of 8, float32. The adjoint of all task weights is measured at three numbers of
tasks for a few targets, and at three numbers of targets for a few tasks; seconds of the processor grow as

    s(n, m) = n (a + b m)      fitted without the largest run, which it is then held against
and 1,024 tasks with 128 targets are read off it. The images are noise: no number here depends on them.
`tasks`, by default 104, is about a tenth of 1,024. Writes bench/results/large.json.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

import metainfl as mi
from bench.names import told
from metainfl.report.environment import environment
from metainfl.training import Recipe, train
from metainfl.training.networks import tlxml_cnn

RESULT = Path(__file__).parent / "results" / "large.json"
TARGETS = 3
WHOLE = (1024, 128)


def run_of(n):
    """A run of one pass over n tasks, 5-way 1-shot, one query a class."""
    draw = torch.Generator().manual_seed(0)
    x, q = (torch.randn(n, 5, 3, 84, 84, generator=draw) for _ in range(2))
    y = torch.arange(5).expand(n, 5).clone()
    net = tlxml_cnn(normalisation="group", activation="softplus", dtype=torch.float32)
    problem = mi.Problem(
        net, mi.Tasks(x, y, q, y), mi.Unrolled(1, 0.01), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    return train(problem, Recipe(rate=1e-3, steps=-(-n // 8), batch_size=8), progress=False)


def seconds(run, m):
    """Processor seconds of the steps alone, and of the adjoint of all task weights for m targets."""
    seeds = torch.randn(m, len(run.lam), generator=torch.Generator().manual_seed(1)).to(run.lam)
    started = time.process_time()
    run.program.run_to(run.recipe.steps)
    trained = time.process_time()
    found = run.sensitivities(seeds)
    ended = time.process_time()
    assert torch.isfinite(found.value["task_weight"]).all()
    return trained - started, ended - trained


def main(largest):
    torch.set_num_threads(1)
    sizes = [(largest // 4, TARGETS), (largest // 2, TARGETS), (largest, TARGETS)]
    sizes += [(largest // 4, m) for m in (1, 2 * TARGETS, 4 * TARGETS)]
    rows = []
    for n, m in sorted(sizes, key=lambda s: s[0] * s[1]):
        training, adjoint = seconds(run_of(n), m)
        rows.append({"tasks": n, "targets": m, "training": training, "adjoint": adjoint})
        print(rows[-1], flush=True)
    small = [r for r in rows if r["tasks"] < largest]
    design = np.array([[r["tasks"], r["tasks"] * r["targets"]] for r in small], dtype=float)
    cost = np.array([r["adjoint"] for r in small])
    a, b = np.linalg.lstsq(design / cost[:, None], np.ones(len(cost)), rcond=None)[0]
    held = next(r for r in rows if r["tasks"] == largest)
    found = {
        "parameters": run_of(8).problem().n_meta,
        "rows": rows,
        "seconds_a_task": a,
        "seconds_a_task_and_target": b,
        "largest_predicted_over_measured": largest * (a + b * TARGETS) / held["adjoint"],
        "whole": {
            "tasks": WHOLE[0],
            "targets": WHOLE[1],
            "core_hours": WHOLE[0] * (a + b * WHOLE[1]) / 3600,
        },
        "environment": environment(),
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({k: v for k, v in found.items() if k != "rows"}, indent=1))


if __name__ == "__main__":
    told(__doc__, number=True)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 104)
