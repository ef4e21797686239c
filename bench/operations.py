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
import contextlib
import json
import multiprocessing
import time
import warnings
from pathlib import Path

import torch

from bench.operation_samples import operations, problem_of
from metainfl.derive.product import Tape
from metainfl.errors import InvalidProblem
from metainfl.operations import exact_derivatives
from metainfl.problem import model as models
from metainfl.report.environment import environment

RESULT = Path(__file__).parent / "results" / "operations.json"
TOLERANCE = 1e-5  # relative; differences of smooth operations are good to 1e-9
LIMIT = 60  # seconds an operation
ORDERS = ("forward", "reverse")
REFUSALS = (InvalidProblem, NotImplementedError, RuntimeError, TypeError, ValueError, IndexError)
ORDER = ("skipped", "right", "unbatched only", "refused", "wrong")


STEPS = (2e-3, 1e-5, 1e-7)  # the first is extrapolated; the others cross fewer kinks and jumps


def along(f, at, directions, h):
    """Df v for every direction v (k, ...) by central differences."""
    rows = []
    for v in directions:

        def slope(s, v=v):
            return (f(at + s * v) - f(at - s * v)) / (2 * s)

        rows.append((4 * slope(h / 2) - slope(h)) / 3 if h == STEPS[0] else slope(h))
    return torch.stack(rows)


class Differences:
    """What a way's numbers are held against; smaller steps are taken where the first disagrees."""

    def __init__(self, f, at, directions, least):
        self.take, self.least = lambda h: along(f, at, directions, h), least
        self.wanted = [self.take(STEPS[0])]
        self.finite = bool(torch.isfinite(self.wanted[0]).all())

    @property
    def size(self):
        """Of the smoothest estimate."""
        return max(self.least, min(float(w.abs().max()) for w in self.wanted), 1e-12)

    def error(self, found):
        """The smallest relative error, of the first few directions."""
        if not torch.isfinite(found).all():
            return float("inf")
        while True:
            gaps = [float((found - w[: len(found)]).abs().max()) for w in self.wanted]
            if min(gaps) <= TOLERANCE * self.size or len(gaps) == len(STEPS):
                return min(gaps) / self.size
            self.wanted.append(self.take(STEPS[len(gaps)]))


def said(failure):
    """What a refusal says, with its type where it is not ours."""
    kind = "" if isinstance(failure, InvalidProblem) else f"{type(failure).__name__}: "
    return (kind + (str(failure).splitlines() or [""])[0])[:160]


def of_sample(operation, steps):
    """Error of each way, or what it refused with; None where differences themselves do not exist."""
    alone = problem_of(operation, steps, chunk=1)
    both, lam = alone.replaced(chunk=2), alone.lam
    directions = torch.eye(len(lam), dtype=lam.dtype)[:2]
    errors = {}

    def take(name, way, differences):
        try:
            errors[name] = differences.error(way().detach())
        except REFUSALS as failure:
            errors[name] = said(failure)

    slopes = Differences(alone.objective, lam, directions, 1e-3 * float(alone.objective(lam).abs()))
    if not slopes.finite:
        return None
    take("gradient, 1", lambda: directions @ alone.gradient(lam), slopes)
    take("gradient, 2", lambda: directions @ both.gradient(lam), slopes)
    if isinstance(errors["gradient, 1"], str) or errors["gradient, 1"] > TOLERANCE:
        return errors
    way = alone if isinstance(errors["gradient, 2"], str) or errors["gradient, 2"] > 1e-9 else both
    bends = Differences(way.gradient, lam, directions, 1e-2 * slopes.size)
    for order in ORDERS:
        for chunk in (1, 2):
            p = alone.replaced(product=order, chunk=chunk)
            take(
                f"{order}, {chunk}, single",
                lambda p=p: p.hessian_product(lam, directions[0])[None],
                bends,
            )
            take(
                f"{order}, {chunk}, many", lambda p=p: p.hessian_product(lam, directions.T).T, bends
            )
            if order == "reverse":
                take(f"kept, {chunk}, many", lambda p=p: Tape(p)(directions.T).T, bends)
    return errors


def verdict(errors):
    """Of the ways' errors or refusals."""
    if not errors:
        return "skipped"
    if any(isinstance(e, float) and e > TOLERANCE for e in errors.values()):
        return "wrong"
    refused = {n for n, e in errors.items() if isinstance(e, str)}
    if not refused:
        return "right"
    alone = {n for n in errors if n.split(", ")[1] == "1" and not n.endswith("many")}
    works = any(n not in refused for n in alone if "single" in n)
    return "unbatched only" if works else "refused"


def of_operation(name, most, mode):
    """The worst verdict over samples and steps, with what it rests on."""
    models.exact_derivatives = mode
    worst = {"verdict": "skipped", "ways": {}, "samples": 0}
    seen = []
    for operation in operations()[name](most):
        for steps in (1, 0) if not seen else (1,):  # what is right through a step is right without
            torch.manual_seed(0)
            try:
                errors = of_sample(operation, steps)
                v = verdict(errors)
            except NotImplementedError as failure:
                errors, v = {"outputs": said(failure)}, "skipped"
            except REFUSALS as failure:
                errors, v = {"outputs": said(failure)}, "refused"
            seen.append(v)
            worst["samples"] += 1
            if ORDER.index(v) > ORDER.index(worst["verdict"]):
                ways = {
                    n: e for n, e in (errors or {}).items() if isinstance(e, str) or e > TOLERANCE
                }
                worst.update(verdict=v, steps=steps, ways=ways)
    if worst["verdict"] in ("refused", "unbatched only"):
        worst["of"] = {v: seen.count(v) for v in ORDER if v in seen}
    return worst


def _child(name, most, mode, pipe):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        pipe.send(of_operation(name, most, mode))
    except BaseException as failure:  # whatever ends one operation is its row
        pipe.send({"verdict": "failed", "ways": {"": f"{type(failure).__name__}: {failure}"[:200]}})


def row(name, most, mode):
    """The same in a process of its own: a crash or an endless loop is a row."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(False)
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(name, most, mode, theirs)
    )
    process.start()
    theirs.close()
    try:
        return (
            ours.recv() if ours.poll(LIMIT) else {"verdict": "failed", "ways": {"": "out of time"}}
        )
    except EOFError:
        return {"verdict": "failed", "ways": {"": "the process died"}}
    finally:
        process.kill()
        process.join()


def main():
    """One row an operation; the table is written unless only some were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two samples an operation")
    parser.add_argument("--only", action="append", help="names of operations (may be repeated)")
    parser.add_argument("--torch", action="store_true", help="with torch's own operations")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    names = [n for n in operations() if not given.only or n in given.only]
    mode = contextlib.nullcontext if given.torch else exact_derivatives
    rows, started = {}, time.time()
    for name in names:
        rows[name] = row(name, 2 if given.quick else 4, mode)
        r = rows[name]
        if given.only or r["verdict"] not in ("right", "skipped"):
            print(
                f"{name:45} {r['verdict']:15} {json.dumps(r['ways'])[: 2000 if given.only else 150]}",
                flush=True,
            )
    counts = {v: sum(r["verdict"] == v for r in rows.values()) for v in (*ORDER, "failed")}
    print(f"{counts}  {time.time() - started:.0f} s")
    if not given.only:
        data = {"counts": counts, "operations": rows, "environment": environment()}
        given.out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
