"""What torch's operations and layers do to derivatives here: python -m bench.operations.

Each operation and layer of torch's own test databases, as a model of three parameters in two tasks, without
adaptation and through one MAML step (three derivatives): gradient, one Hessian product and many at once,
forward over reverse and reverse over reverse, task by task and batched over tasks, all against extrapolated
central differences (gradient: of the objective; products: of the gradient). With --torch also without the
formulas of `metainfl.operations`. Writes bench/results/operations.json, one verdict an operation:

    right            every way agrees with differences
    unbatched only   task by task, product by product it agrees; batched it is refused
    refused          by name, or by torch for want of a derivative
    wrong            some way disagrees, without a word
"""

import argparse
import json
import multiprocessing
import multiprocessing.connection
import time
import warnings
from pathlib import Path

import torch

import metainfl.operations
from bench.operation_samples import SPLITS, operations, problem_of
from bench.operation_ways import DEFAULT, REFUSALS, TOLERANCE, Ways, said
from metainfl.errors import NotFinite
from metainfl.report.environment import environment

RESULT = Path(__file__).parent / "results" / "operations.json"
LIMIT = 120  # seconds an operation
SCALES = (0.3, 0.03, 0.003)  # how far parameters move inputs
ORDER = ("skipped", "right", "right as planned", "refused", "wrong")


def verdict(errors):
    """Of the ways' errors or refusals."""
    if any(isinstance(e, float) and e > TOLERANCE for e in errors.values()):
        return "wrong"
    refused = {n for n, e in errors.items() if isinstance(e, str)}
    if not refused:
        return "right"
    return "refused" if DEFAULT in refused or DEFAULT not in errors else "right as planned"


def of_operation(name, most):
    """The worst verdict over samples, dependences and steps, with what it rests on."""
    worst = {"verdict": "skipped", "ways": {}, "samples": 0}
    seen = []
    for count, operation in enumerate(operations()[name](most)):
        for who, steps in plans(operation, count):
            v, errors = judged(operation, who, steps)
            seen.append(v)
            worst["samples"] += 1
            if ORDER.index(v) > ORDER.index(worst["verdict"]):
                ways = {n: e for n, e in errors.items() if isinstance(e, str) or e > TOLERANCE}
                worst.update(verdict=v, who=who, steps=steps, ways=ways)
    if worst["verdict"] not in ("right", "skipped"):
        worst["of"] = {v: seen.count(v) for v in ORDER if v in seen}
    return worst


def plans(operation, count):
    """Which inputs move with what, and how many steps: all of it for the first sample."""
    if count:  # what is right through a step is right without
        return [("all", 1)]
    several = len(operation.base) > 1
    return [("all", 1), ("all", 0), *((who, 1) for who in SPLITS if several)]


def judged(operation, who, steps):
    """The verdict on one sample, and its errors; moved less where it would leave its domain."""
    for scale in SCALES:
        torch.manual_seed(0)
        try:
            errors = Ways(problem_of(operation, steps, who=who, scale=scale, chunk=1)).all()
        except NotFinite as failure:
            found = "skipped", {"outputs": said(failure)}
            continue
        except NotImplementedError as failure:
            return "skipped", {"outputs": said(failure)}
        except REFUSALS as failure:
            return "refused", {"outputs": said(failure)}
        if errors is not None:
            return verdict(errors), errors
        found = "skipped", {"outputs": "differences give no derivative"}
    return found


def _child(name, most, pipe):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        pipe.send(of_operation(name, most))
    except BaseException as failure:  # whatever ends one operation is its row
        pipe.send({"verdict": "failed", "ways": {"": f"{type(failure).__name__}: {failure}"[:200]}})


class Running:
    """One operation in a process of its own: a crash or an endless loop is a row."""

    def __init__(self, name, most):
        context = multiprocessing.get_context("fork")
        self.name, self.until = name, time.monotonic() + LIMIT
        self.pipe, theirs = context.Pipe(False)
        self.process = context.Process(target=_child, args=(name, most, theirs))
        self.process.start()
        theirs.close()

    def row(self):
        """What it found, or None while it may go on."""
        try:
            if self.pipe.poll():
                found = self.pipe.recv()
            elif time.monotonic() < self.until:
                return None
            else:
                found = {"verdict": "failed", "ways": {"": f"more than {LIMIT} s"}}
        except EOFError:
            found = {"verdict": "failed", "ways": {"": "the process died"}}
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return found


def scan(names, most, jobs):
    """(name, row) of each, as they are done, `jobs` at a time."""
    waiting, running = list(reversed(names)), []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(Running(waiting.pop(), most))
        multiprocessing.connection.wait([r.pipe for r in running], timeout=1.0)
        for r in list(running):
            found = r.row()
            if found is not None:
                running.remove(r)
                yield r.name, found


def kept(path, here):
    """Rows of an earlier scan with the same versions of everything: what is there is not done again."""
    data = json.loads(path.read_text()) if path.exists() else {}
    same = data.get("environment", {}).get("versions") == here["versions"]
    return data["operations"] if same else {}


def write(path, rows, here):
    """The table in the order of torch's databases, with how many there are of each verdict."""
    counts = {v: sum(r["verdict"] == v for r in rows.values()) for v in (*ORDER, "failed")}
    rows = {n: rows[n] for n in operations() if n in rows}
    data = {"counts": counts, "operations": rows, "environment": here}
    path.write_text(json.dumps(data, indent=1) + "\n")
    return counts


def main():
    """One row an operation; a scan that was interrupted goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4, help="samples an operation, at most")
    parser.add_argument("--only", action="append", help="names of operations, done again")
    parser.add_argument("--verdict", action="append", help="rows of this verdict, done again")
    parser.add_argument("--again", action="store_true", help="all of them")
    parser.add_argument("--torch", action="store_true", help="torch's own operations; not written")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    here, started = environment(), time.monotonic()
    rows = {} if given.again else kept(given.out, here)
    names = [n for n in operations() if n not in rows]
    if given.only or given.verdict:
        chosen = [n for n, r in rows.items() if r["verdict"] in (given.verdict or ())]
        names = [n for n in operations() if n in (given.only or ()) or n in chosen]
    if given.torch:
        metainfl.operations.INSTEAD = {}
    for done, (name, row) in enumerate(scan(names, given.samples, given.jobs), 1):
        rows[name] = row
        at = f"{done}/{len(names)} {time.monotonic() - started:5.0f} s"
        ways = json.dumps(row["ways"])[: 2000 if given.only else 150]
        if given.only or row["verdict"] not in ("right", "skipped"):
            print(f"{at}  {name:45} {row['verdict']:15} {ways}", flush=True)
        if not given.torch and (done % 20 == 0 or done == len(names)):
            write(given.out, rows, here)
    print({v: sum(r["verdict"] == v for r in rows.values()) for v in (*ORDER, "failed")})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
