"""Predicted against measured: python -m bench.plan. Writes bench/results/plan.json.

Five problems: training, adjoint of four targets and one removal, each predicted from a few steps and then
done; medians of three, interleaved.
"""

import json
import time
from pathlib import Path
from statistics import median

import torch

import metainfl as mi
from bench.names import told
from metainfl.attribution import example
from metainfl.report.environment import environment
from metainfl.scale.plan import plan
from metainfl.training import Adam, Recipe, train

RESULT = Path(__file__).parent / "results" / "plan.json"


def problems():
    """Name, problem, recipe, targets: the digits example with other recipes, widths and adaptations."""
    digits = example("digits")
    problem, targets = digits.subject, digits.targets
    yield "digits, SGD", problem, digits.recipe, targets
    yield (
        "digits, Adam",
        problem,
        Recipe(optimiser=Adam(), rate=0.003, steps=100, batch_size=32),
        targets,
    )
    yield "digits, all tasks", problem, Recipe(rate=0.01, steps=40), targets
    twice = problem.replaced(adaptation=mi.Unrolled(2, 0.05))
    yield "digits, two inner steps", twice, Recipe(rate=0.02, steps=80, batch_size=16), targets
    head = problem.replaced(adaptation=mi.NoAdaptation())
    yield "digits, no adaptation", head, Recipe(rate=0.01, steps=200, batch_size=16), targets


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main():
    torch.set_num_threads(1)
    out = []
    for name, problem, recipe, targets in problems():
        found = plan(problem, recipe, targets)
        rows = found.rows(targets=4, removals=1, game=0)
        run = train(problem, recipe, progress=False)
        slopes = run.target_slopes(targets.select(range(4)))
        done = [
            (timed(run.replay), timed(lambda r=run, s=slopes: r.sensitivities(s))) for _ in range(3)
        ]
        measured = [median(d[0] for d in done), median(d[1] for d in done)]
        for row, seconds in zip(rows[:2], measured, strict=True):
            ratio = row["seconds"] / seconds
            out.append({"problem": name, "what": row["what"], "ratio": ratio})
            print(f"{name:28s} {row['what']:24s} predicted / measured {ratio:.2f}")
    RESULT.write_text(json.dumps({"environment": environment(), "rows": out}, indent=1) + "\n")


if __name__ == "__main__":
    told(__doc__)
    main()
