"""Whether torch.compile pays for Hessian products: python -m bench.compiled.

Writes bench/results/compiled.json. What torch.compile makes cannot be differentiated twice, so not the loss
of a task is compiled but the finished product: it is traced (`make_fx`, through vmap, forward and reverse
mode) for a stack of tasks and a number of vectors. Compared with the planned way, in processor seconds:

    ratio       planned / compiled, a product of one task and vector
    compiling   seconds to trace and compile, once for each shape
    pays_after  products of one task and vector after which compiling has paid; null where it is not faster
    error       largest difference, relative to the largest entry
"""

import json
import os
import time
import warnings
from pathlib import Path

import torch
import torch._inductor.config
from torch.fx.experimental.proxy_tensor import make_fx

import metainfl as mi
from bench.minimiser import features, images
from metainfl.derive.loop import stacks
from metainfl.derive.product import Graph, forward_product
from metainfl.report.environment import environment
from metainfl.training.networks import conv4, tlxml_mlp

RESULT = Path(__file__).parent / "results" / "compiled.json"


def cases():
    """Name, problem, tasks of a stack, vectors of a pass."""
    tasks, _ = features(16)
    smooth = tlxml_mlp(activation="tanh", normalisation="layer")
    yield "TLXML's network", problem_of(smooth, tasks), 16, 64
    pictures, _ = images(4)
    net = conv4(hidden=16, activation="softplus", normalisation="group")
    yield "convolution", problem_of(net, pictures), 4, 1


def problem_of(net, tasks):
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.01), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    problem.lam = problem.own_start()
    return problem


def seconds(call, times=5):
    """Processor seconds of the fastest of a few."""
    found = []
    for _ in range(times):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def spent():
    """Processor seconds so far, the compiler's own processes included."""
    return sum(os.times()[:4])


def measured(problem, n_tasks, width):
    """One row: the planned way against the compiled one."""
    lam = problem.lam
    problem.settled(lam)
    stack = next(stacks(problem, lam, problem.tasks.select(range(n_tasks)), size=n_tasks))
    rows = torch.randn(width, len(lam), dtype=lam.dtype, generator=torch.Generator().manual_seed(0))
    graph = Graph(problem, lam, stack)

    def planned():
        return graph.pull(rows, min(width, problem.plan.width(n_tasks)))

    def product(at, vectors):
        return forward_product(problem, at, vectors, stack, width)

    expected = planned()
    started = spent()
    compiled = torch.compile(make_fx(product)(lam, rows), dynamic=False)
    with torch.no_grad():
        found = compiled(lam, rows)
        compiling = spent() - started
        ours, theirs = seconds(planned), seconds(lambda: compiled(lam, rows))
    each = n_tasks * width
    saved = (ours - theirs) / each
    return {
        "parameters": len(lam),
        "tasks": n_tasks,
        "vectors": width,
        "ratio": ours / theirs,
        "compiling": compiling,
        "planned_seconds": ours / each,
        "pays_after": compiling / saved if saved > 0 else None,
        "error": float((found - expected).abs().max() / expected.abs().max()),
    }


def main():
    torch.set_num_threads(1)
    torch._inductor.config.compile_threads = 1  # processes that end are counted
    found = {name: measured(*case) for name, *case in cases()}
    for name, row in found.items():
        print(name, json.dumps(row), flush=True)
    RESULT.write_text(json.dumps({"cases": found, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
