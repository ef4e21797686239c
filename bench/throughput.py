"""Hessian products of Omniglot-sized tasks on any device: python -m bench.throughput --device cuda.

Writes bench/results/throughput-<cpu or cuda>.json with the device's name:
    product      one total-Hessian product over all tasks (10,000 by default on a GPU), in meta-gradients
    kept         the same where the graphs of all tasks of the product fit into memory
    share        operations a second of both, over what forward convolutions of the same network reach
    precision    |H v in float32 - in float64| / |H v in float64|; a GPU against the CPU; peak memory
"""

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.products import convolutional
from metainfl import FromModule
from metainfl.curvature import exact
from metainfl.report.environment import environment

RESULTS = Path(__file__).parent / "results"


def moved(problem, device, dtype=torch.float32):
    """The same problem elsewhere, its module included."""
    module = copy.deepcopy(problem.setting.model.module).to(device=device, dtype=dtype)
    tasks = problem.tasks.to(device=device, dtype=dtype)
    other = problem.replaced(model=FromModule(module), tasks=tasks)
    other._plan = problem._plan
    return other


def timed(f, device, repeat=3):
    """Least seconds of f() once warm, waiting for the device."""
    times = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        f()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def rate(f, device):
    """Floating-point operations a second of convolutions and matrix products in f()."""
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops() / timed(f, device)


def measure(device, tasks, few):
    """All numbers, as a dictionary."""
    torch.manual_seed(0)
    problem = moved(convolutional(tasks), device)
    lam = problem.lam
    v = torch.randn(len(lam), generator=torch.Generator().manual_seed(0)).to(lam)
    small = problem.replaced(tasks=problem.tasks.select(list(range(min(few, tasks)))), keep=2**33)
    kept = exact(small)
    kept @ v
    problem._plan = small.plan
    gradient = timed(lambda: problem.gradient(lam), device, 1)
    product = timed(lambda: problem.hessian_product(lam, v), device, 1)
    ahead = rate(lambda: small.losses(lam), device)
    out = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "tasks": tasks,
        "parameters": problem.n_meta,
        "plan": str(small.plan),
        "gradient_seconds": gradient,
        "product_seconds": product,
        "product_in_meta_gradients": product / gradient,
        "kept_in_meta_gradients": timed(lambda: kept @ v, device)
        / timed(lambda: small.gradient(lam), device),
        "share_of_forward": {
            "single": rate(lambda: small.hessian_product(lam, v), device) / ahead,
            "kept": rate(lambda: kept @ v, device) / ahead,
        },
    }
    double = moved(small.replaced(keep=0), device, torch.float64)
    want = double.hessian_product(double.lam, v.double())
    here = small.hessian_product(lam, v).double()
    out["float32_against_float64"] = float((here - want).norm() / want.norm())
    if device.type == "cuda":
        out["peak_gib"] = torch.cuda.max_memory_allocated(device) / 2**30
        cpu = moved(double, torch.device("cpu"), torch.float64)
        there = cpu.hessian_product(cpu.lam, v.double().cpu())
        out["device_against_cpu"] = float((want.cpu() - there).norm() / there.norm())
    return out


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tasks", type=int, help="10,000 on a GPU, 32 otherwise")
    args = parser.parse_args()
    device = torch.device(args.device)
    tasks = args.tasks or (10_000 if device.type == "cuda" else 32)
    few = 16 if device.type == "cuda" else 4
    out = {**measure(device, tasks, few), "environment": environment()}
    path = RESULTS / f"throughput-{device.type}.json"
    path.write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
