"""Error against the condition numbers of the inner and of the total Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metainfl.errors import MetainflError
from metainfl.influence.implicit import influence
from metainfl.ledger.measure import vectors
from metainfl.ledger.problems import conditioned_case
from metainfl.ledger.question import Question, Row, ask
from metainfl.oracle.bridge import all_to_truth
from metainfl.problem.perturbation import support, task
from metainfl.report.style import line
from metainfl.solve import CG, Dense, Neumann, Solver

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONDITIONS = (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
WAYS: dict[str, tuple[Solver, torch.dtype]] = {
    "dense, float64": (Dense(), torch.float64),
    "dense, float32": (Dense(), torch.float32),
    "CG, 6 steps": (CG(max_iterations=6, allow_unconverged=True), torch.float64),
    "Neumann, 100 terms": (Neumann(terms=100, allow_unconverged=True), torch.float64),
}


def cells(quick: bool) -> list[dict[str, Any]]:
    """Each of the two condition numbers moved with the other at 100."""
    values = CONDITIONS[::3] if quick else CONDITIONS
    inner = [{"moved": "inner", "inner": x, "total": 1e2} for x in values]
    return inner + [{"moved": "total", "inner": 1e2, "total": x} for x in values]


def compute(moved: str, inner: float, total: float) -> dict[str, Any]:
    """Each way on task and support influence together."""
    case = conditioned_case(0, inner, total)
    pis = [task(0), task(3), support(1, 2), support(5, 0)]
    truth = case.truth("derivative", pis)
    answer = case.family.influence(all_to_truth(pis), case.solution)
    size = float((truth**2).sum()) ** 0.5
    out: dict[str, Any] = {"certified": float((answer.bound**2).sum()) ** 0.5 / size}
    for name, (solver, dtype) in WAYS.items():
        try:
            found = influence(case.problem(dtype), pis, solver=solver, allow_nonstationary=True)
            out |= vectors(found.value.double().numpy(), truth, name)
        except MetainflError:
            out[f"{name} error"] = float("nan")
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    """The total condition moved: each way a line."""
    rows = [r for r in rows if r["moved"] == "total"]
    for n, name in enumerate(WAYS):
        line(axes, [r["total"] for r in rows], [r.get(f"{name} error") for r in rows], name, n)
    eps = 2.2e-16
    axes.plot(
        [r["total"] for r in rows],
        [eps * r["total"] for r in rows],
        color="0.5",
        linewidth=0.8,
        label="eps times condition",
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="condition number of the total Hessian",
        ylabel="relative error against T1",
    )
    axes.set_title("Conditioning (proximal ridge, inner condition 100)")
    axes.legend()


QUESTION = ask(
    Question(
        "conditioning",
        "How ill-conditioned may the Hessians be?",
        "Dense float64 loses eps times the condition number and no more; float32 refuses beyond 1e5 (a gap "
        "is a refusal). A series of fixed length loses the soft directions first; six CG steps suffice here "
        "because this Hessian has four distinct eigenvalues.",
        cells,
        compute,
        draw,
        ("moved", "inner", "total", *(f"{w} error" for w in WAYS), "certified"),
    )
)
