"""Time and memory of the ways to solve, against the number of parameters and of tasks."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import asked, case_of
from metainfl.ledger.question import Question, Row, ask
from metainfl.report.style import COLOURS, MARKERS
from metainfl.solve import CG, Neumann, Solver
from metainfl.solve.precondition import nystrom

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILY = "proximal_softmax"
WAYS: dict[str, Solver | None] = {
    "dense": None,
    "CG to 1e-2": CG(rtol=1e-2),
    "CG to 1e-6": CG(rtol=1e-6),
    "CG to 1e-6, Nystroem": CG(rtol=1e-6, preconditioner=nystrom(12, 0.5)),
    "Neumann to 1e-2": Neumann(rtol=1e-2, low=0.5),
}
PEAK = """
import sys
from metainfl.ledger.memory import growth
from metainfl.ledger.questions import cost
problem, pis = cost.setting(int(sys.argv[1]), int(sys.argv[2]))
print(growth(lambda: cost.solve(problem, pis, sys.argv[3])))
"""


def cells(quick: bool) -> list[dict[str, Any]]:
    """Parameters (features x 3 classes) and tasks, each way."""
    sizes = ((3, 16), (6, 16), (12, 16), (24, 16), (6, 96))
    if quick:
        return [{"features": d, "tasks": 16, "way": w} for d in (3, 12) for w in list(WAYS)[:3]]
    return [{"features": d, "tasks": t, "way": w} for d, t in sizes for w in WAYS]


def setting(features: int, tasks: int) -> tuple[Any, list[Any]]:
    """The problem, and eight tasks asked about."""
    case = case_of(FAMILY, 0, tasks, d=features)
    return case.problem(), asked(case, "task", 8)


def solve(problem: Any, pis: list[Any], way: str) -> Any:
    """Influence this way."""
    return influence(problem, pis, solver=WAYS[way])


def compute(features: int, tasks: int, way: str) -> dict[str, Any]:
    """Error, products, time in meta-gradients of the same problem; peak memory in a process of its own."""
    problem, pis = setting(features, tasks)
    case = case_of(FAMILY, 0, tasks, d=features)
    found = solve(problem, pis, way)
    problem.gradient(problem.lam)
    started = time.perf_counter()
    problem.gradient(problem.lam)
    unit = time.perf_counter() - started
    started = time.perf_counter()
    solve(problem, pis, way)
    out = vectors(found.value.numpy(), case.truth("derivative", pis), "T1")
    out |= {"parameters": problem.n_meta, "products": found.solve.products}
    out["cost in gradients"] = (time.perf_counter() - started) / unit
    if features == 24:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PEAK, str(features), str(tasks), way],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            out["cost in peak MiB"] = float(done.stdout)
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    """Pareto: error against products, one marker a way, larger for more parameters."""
    for n, way in enumerate(WAYS):
        own = [r for r in rows if r["way"] == way and r.get("T1 error")]
        axes.scatter(
            [r["products"] for r in own],
            [r["T1 error"] for r in own],
            s=[12 + r["parameters"] for r in own],
            color=COLOURS[n],
            marker=MARKERS[n],
            alpha=0.8,
            label=way,
        )
    front: list[tuple[float, float]] = []
    for r in sorted((r for r in rows if r.get("T1 error")), key=lambda r: r["products"]):
        if not front or r["T1 error"] < front[-1][1]:
            front.append((r["products"], r["T1 error"]))
    axes.step(
        *zip(*front, strict=True), where="post", color="0.5", linewidth=0.9, label="Pareto front"
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="Hessian-vector products",
        ylabel="relative error against T1",
    )
    axes.set_title("Error against cost (larger: more parameters)")
    axes.legend(fontsize=7)


QUESTION = ask(
    Question(
        "cost",
        "What does accuracy cost?",
        "Down and left is better. Dense costs one product a parameter and is exact; CG costs by the "
        "condition number; the Neumann series costs more than CG for the same error.",
        cells,
        compute,
        draw,
        (
            "features",
            "tasks",
            "way",
            "parameters",
            "T1 error",
            "products",
            "cost in gradients",
            "cost in peak MiB",
        ),
    )
)
