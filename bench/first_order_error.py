"""Error of the first-order removal lam* - task-IF against exact removal, as tasks grow.

python -m bench.first_order_error          measure, write JSON, draw
python -m bench.first_order_error --draw   draw from the committed JSON
"""

import json
import sys
from pathlib import Path

import numpy as np

import metainfl as mi
from bench.names import told
from metainfl.oracle.bridge import problem_of
from metainfl.report.environment import environment
from metainfl_reference.estimands import removal
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import regression
from metainfl_reference.perturbation import task

HERE = Path(__file__).parent
RESULT = HERE / "results" / "first_order_error.json"
FIGURE = HERE / "figures" / "first_order_error.svg"
SIZES = (8, 16, 32, 64, 128, 256)


def relative_errors(n_tasks, seed, name):
    """|predicted - exact shift| / |exact shift| of each task's removal."""
    e = regression(seed, tasks=n_tasks, support=4, query=4, d=3, c=2)
    kinds = {"task-IF": mi.task_if, "Direct-IF": mi.direct_if}
    family = FAMILIES["proximal_ridge"](e, d_in=1.0, d_out=1.0)
    problem = problem_of(family)
    problem.solve()
    pis = [task(k) for k in range(n_tasks)]
    shift = removal.exact_many(family, pis, family.solve()).value - problem.lam.numpy()
    gap = shift + kinds[name](problem, [mi.task(k) for k in range(n_tasks)]).numpy()
    return np.linalg.norm(gap, axis=1) / np.linalg.norm(shift, axis=1)


def measure():
    """Medians and quartiles over tasks and ten problems."""
    rows = []
    for name in ("task-IF", "Direct-IF"):
        for t in SIZES:
            errors = np.concatenate([relative_errors(t, seed, name) for seed in range(10)])
            low, middle, high = np.quantile(errors, (0.25, 0.5, 0.75))
            rows.append({"method": name, "tasks": t, "low": low, "median": middle, "high": high})
    return {"environment": environment(), "rows": rows}


def draw(data):
    """Relative removal error against the number of tasks, with the 1/T law beside it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "metainfl"  # the same bytes for the same data
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, colour, marker in (("task-IF", "#0072B2", "o"), ("Direct-IF", "#D55E00", "s")):
        rows = [r for r in data["rows"] if r["method"] == name]
        t = np.array([r["tasks"] for r in rows])
        axes.fill_between(
            t, [r["low"] for r in rows], [r["high"] for r in rows], color=colour, alpha=0.2
        )
        axes.plot(t, [r["median"] for r in rows], color=colour, marker=marker, label=name)
        if name == "task-IF":
            law = rows[-1]["median"] * t[-1] / t
            axes.plot(t, law, color="0.4", linestyle="--", label="1/T")
    axes.set(
        xscale="log", yscale="log", xlabel="number of tasks T", ylabel="relative error of removal"
    )
    axes.set_xticks(SIZES, [str(s) for s in SIZES])
    axes.minorticks_off()
    axes.set_title("Predicted against exact removal of a task (proximal ridge)", fontsize=10)
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    told(__doc__, "--draw")
    if "--draw" not in sys.argv:
        RESULT.write_text(json.dumps(measure(), indent=1) + "\n")
    draw(json.loads(RESULT.read_text()))
    for r in json.loads(RESULT.read_text())["rows"]:
        print(f"{r['method']:10} T = {r['tasks']:4d}  median relative error {r['median']:.3f}")
