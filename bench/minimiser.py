"""How networks get to a minimum: trust regions against dense Newton, and TLXML's Hessian.

    python -m bench.minimiser [small] [large] [hessian]

small     36-16(tanh)-5, MAML, 100 tasks of Omniglot's FFT features (digits without METAINFL_DATA): both
          ways in one run, from the same start; dense Newton is ended at six times the other's seconds,
          and `share` is then what the other takes at most of it
large     a convolution of 7,333 parameters on 64 tasks of 28 x 28: how far it gets, and why it stopped
hessian   the dense total Hessian of TLXML's network (1,413 parameters, smooth layers), 128 tasks
Seconds of `small` and `large` are of the processor, so that their ratio does not hang on what else runs;
those of `hessian` are of the clock, on an idle machine. Writes bench/results/minimiser.json.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import torch

import metainfl as mi
from bench.names import chosen, told
from metainfl.data import episodes, pixels, read, spectrum
from metainfl.errors import MissingData, NotConverged
from metainfl.report.environment import environment
from metainfl.training.networks import conv4, mlp, tlxml_mlp

OUT = Path(__file__).parent / "results" / "minimiser.json"


def drawings():
    """Omniglot where it is, digits otherwise, and the name."""
    try:
        return read("omniglot"), "omniglot"
    except MissingData:
        return read("digits"), "digits"


def features(tasks, ways=5):
    data, name = drawings()
    inverted = {"invert": True} if name == "omniglot" else {}
    made = episodes(
        data, tasks, ways=ways, shots=5, queries=5, inputs=lambda x: spectrum(pixels(x, **inverted))
    )
    return made.to(dtype=torch.float64), f"{name}, FFT 6x6"


def images(tasks):
    data, name = drawings()
    inverted = {"invert": True} if name == "omniglot" else {}
    draw = {"ways": 5, "shots": 1, "queries": 5}
    made = episodes(data, tasks, inputs=lambda x: pixels(x, size=28, **inverted), **draw)
    return made.to(dtype=torch.float64), f"{name}, 28 x 28"


def solved(problem, way, limit):
    """Account of one minimisation that is ended after `limit` seconds."""
    started = time.process_time()

    def watch(line):
        if time.process_time() - started > limit:
            raise KeyboardInterrupt

    other = problem.replaced(lam=None)
    try:
        other.solve(way=way, progress=watch)
    except (NotConverged, mi.errors.Interrupted) as stopped:
        other.lam = stopped.result
    run = other.minimisation
    return {
        "seconds": time.process_time() - started,
        "residual": other.residual(other.lam),
        "steps": run.steps,
        "gradients": run.gradients + run.approach,
        "products": run.products,
        "value": run.value,
        "why": run.reason,
    }


def small():
    tasks, name = features(100)
    problem = mi.Problem(
        mlp((36, 16, 5)), tasks, mi.Unrolled(1, 0.05), inner_loss=mi.cross_entropy, outer_reg=1.0
    )
    ways = {"trust-region": solved(problem, "trust-region", 900)}
    ways["dense"] = solved(problem, "dense", 6 * ways["trust-region"]["seconds"])
    share = ways["trust-region"]["seconds"] / ways["dense"]["seconds"]
    return {"data": name, "parameters": problem.own_start().numel(), "share": share, **ways}


def large():
    tasks, name = images(64)
    net = conv4(5, hidden=16, activation="softplus", normalisation="none", downsample="mean")
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.05), inner_loss=mi.cross_entropy, outer_reg=1.0
    )
    own = {"data": name, "parameters": problem.own_start().numel()}
    return own | solved(problem, "auto", 300)


def hessian():
    tasks, name = features(128)
    net = tlxml_mlp(activation="tanh", normalisation="layer")
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.01), inner_loss=mi.cross_entropy, outer_reg=1e-3
    )
    lam = problem.own_start()
    problem.lam = lam
    problem.settled(lam)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        h = problem.hessian(lam)
        times.append(time.perf_counter() - started)
    gradient = time.perf_counter()
    for _ in range(10):
        problem.gradient(lam)
    gradient = (time.perf_counter() - gradient) / 10
    return {
        "data": name,
        "parameters": problem.n_meta,
        "tasks": 128,
        "seconds": min(times),
        "gradients_a_column": min(times) / gradient / len(lam),
        "threads": torch.get_num_threads(),
        "asymmetry": float((h - h.T).abs().max() / h.abs().max()),
    }


RUNS = {"small": small, "large": large, "hessian": hessian}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = json.loads(OUT.read_text()) if OUT.exists() else {}
    told(__doc__, *RUNS)
    for name in chosen(sys.argv[1:], RUNS):
        found[name] = RUNS[name]()
        found["environment"] = environment()
        OUT.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(found[name]), flush=True)
