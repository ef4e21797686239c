"""What torch's own operations do to the total Hessian: python -m bench.third_derivatives.

The relative error of one Hessian product of a small smooth network, against extrapolated differences of
its gradient (good to about 1e-9): with torch's operations as they are, forward over reverse (torch.func)
and reverse over reverse (autograd), then with those of `metainfl.operations`. Each without adaptation
(three tasks batched by vmap), and through one and two gradient steps.
Writes bench/results/third_derivatives.json.
"""

import contextlib
import json
import warnings
from pathlib import Path

from tests.test_operations import NETS, by_differences, made, problem_of

from metainfl.operations import exact_derivatives
from metainfl.problem import model as models
from metainfl.report.environment import environment
from tests.helpers import relative

RESULT = Path(__file__).parent / "results" / "third_derivatives.json"
STEPS = (0, 1, 2)


def error(name, steps, order, mode):
    """Of the product in one order of differentiation, the model run within `mode`."""
    net, lam, v = made(name)
    want = by_differences(net, steps, lam, v)
    models.exact_derivatives = mode
    try:
        problem = problem_of(net, steps, product=order, chunk=3)
        return relative(problem.hessian_product(lam, v), want)
    except RuntimeError as failure:
        return str(failure).splitlines()[0][:60]
    finally:
        models.exact_derivatives = exact_derivatives


def main():
    """One row a layer."""
    rows = []
    for name in NETS:
        row = {"layer": name}
        for who, mode in (("torch", contextlib.nullcontext), ("here", exact_derivatives)):
            for order in ("forward", "reverse"):
                row[f"{who}, {order}"] = [error(name, steps, order, mode) for steps in STEPS]
        rows.append(row)
        cells = [e for errors in list(row.values())[1:] for e in errors]
        shown = (f"{e:.0e}" if isinstance(e, float) else "fails" for e in cells)
        print(f"{name:24}", *(f"{c:>7}" for c in shown), flush=True)
    data = {"steps": STEPS, "rows": rows, "environment": environment()}
    RESULT.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
