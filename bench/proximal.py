"""What an implicit gradient of a small network costs in gradients of one MAML step.

    python -m bench.proximal

36-16(tanh)-5 on Omniglot's FFT features where METAINFL_DATA has them, else on digits; 20 tasks, 5 ways,
5 shots; interleaved, medians; every gradient at a lam of its own, so that no inner solution is remembered.
Accuracy stands beside time: each gradient against a central difference of the objective.
"""

import json
import statistics
import time
from pathlib import Path

import torch

import metainfl as mi
from bench.names import told
from metainfl.data import episodes, pixels, read, spectrum
from metainfl.errors import MissingData
from metainfl.report.environment import environment

OUT = Path(__file__).parent / "results" / "proximal.json"


def tasks_of():
    """20 tasks and what they were made of."""
    try:
        data, name = read("omniglot"), "omniglot, FFT 6x6"
        inputs = lambda x: spectrum(pixels(x, invert=True))  # noqa: E731
    except MissingData:
        data, name = read("digits"), "digits, FFT 6x6"
        inputs = lambda x: spectrum(pixels(x))  # noqa: E731
    made = episodes(data, 20, ways=5, shots=5, queries=5, inputs=inputs)
    return made.to(dtype=torch.float64), name


def seconds(problem, lam):
    started = time.perf_counter()
    problem.gradient(lam)
    return time.perf_counter() - started


def main():
    torch.manual_seed(0)
    tasks, name = tasks_of()
    width = tasks.query_x.shape[2]
    net = torch.nn.Sequential(
        torch.nn.Linear(width, 16), torch.nn.Tanh(), torch.nn.Linear(16, 5)
    ).double()
    lam = mi.FromModule(net).current()
    maml = mi.Problem(net, tasks, mi.Unrolled(1, 0.05), inner_loss=mi.cross_entropy, outer_reg=1.0)
    problems = {reg: maml.replaced(adaptation=mi.Proximal(reg)) for reg in (2.0, 20.0, 100.0)}
    times = {"maml": [], **{reg: [] for reg in problems}}
    for turn in range(9):
        at = lam * (1 + 1e-3 * turn)
        times["maml"].append(min(seconds(maml, at) for _ in range(5)))
        for reg, problem in problems.items():
            times[reg].append(seconds(problem, at))
    rows = []
    v = torch.ones_like(lam) / len(lam) ** 0.5
    for reg, problem in problems.items():
        ratios = [a / b for a, b in zip(times[reg], times["maml"], strict=True)]
        h = 1e-4
        slope = (problem.objective(lam + h * v) - problem.objective(lam - h * v)) / (2 * h)
        error = float((problem.gradient(lam) @ v - slope).abs() / slope.abs())
        rows.append({"inner_reg": reg, "maml_gradients": statistics.median(ratios), "error": error})
        print(
            f"inner_reg {reg:g}: {rows[-1]['maml_gradients']:.1f} MAML gradients, error {error:.1g}"
        )
    result = {"data": name, "parameters": len(lam), "rows": rows, "environment": environment()}
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    told(__doc__)
    main()
