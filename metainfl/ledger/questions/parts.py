"""The ledger proper: one part switched at a time, then all together, on every family."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metainfl.ledger import lds
from metainfl.ledger.measure import order, vectors
from metainfl.ledger.parts import CURVATURES, DERIVATIVES, SOLVERS, applies
from metainfl.ledger.problems import TASKS, asked, case_of, removals, tiny, true_scores
from metainfl.ledger.question import Question, Row, ask
from metainfl.ledger.split import PARTS, chain, estimate, solved, split
from metainfl.report.style import COLOURS, INK
from metainfl_reference.families import FAMILIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: the papers' combinations: task-IF of 001, TLXML of 002, EK-FAC-IF
TOGETHER = (
    ("EK-FAC inner", "Gamma", "Neumann, 100 terms"),
    ("exact", "Gauss-Newton", "pruned to a quarter"),
    ("inverse held", "Gauss-Newton", "CG, 3 steps"),
    ("ignored", "identity", "dense"),
)
SINGLE = ("single_ridge", "single_softmax")
REMOVED = 12
WIDEST = 3.0  # bars beyond are cut, their total written out


def choices() -> list[tuple[str, str, str]]:
    """Exact; each part alone; the combinations."""
    exact = ("exact", "exact", "dense")
    one = [(d, "exact", "dense") for d in DERIVATIVES if d != "exact"]
    one += [("exact", c, "dense") for c in CURVATURES if c != "exact"]
    one += [("exact", "exact", s) for s in SOLVERS if s != "dense"]
    return [exact, *one, *TOGETHER]


def cells(quick: bool) -> list[dict[str, Any]]:
    """Families x kinds x choices, less what is not written for a family."""
    families = (
        ("proximal_ridge", "proximal_softmax", "single_softmax") if quick else (*FAMILIES, "digits")
    )
    out = []
    for family in families:
        small = case_of(family, tasks=4)
        problem = small.problem()
        for kind in ("task",) if quick else ("task", "query", "support"):
            if kind == "support" and family in SINGLE:
                continue
            for d, c, s in choices():
                if applies(problem, d, c):
                    out.append(
                        {
                            "family": family,
                            "kind": kind,
                            "derivative": d,
                            "curvature": c,
                            "solver": s,
                        }
                    )
    return out


def compute(
    family: str, kind: str, derivative: str, curvature: str, solver: str, device: str = "cpu"
) -> dict[str, Any]:
    """Errors against T1 and T2, their parts, ranks, LDS and cost."""
    case = case_of(family)
    limit = case.family.episodes.n_tasks if kind == "task" and family != "digits" else REMOVED
    pis = asked(case, kind, limit)
    kept, removed = removals(case, pis)
    pis = [pis[i] for i in kept]
    steps = chain(case, pis, removed, derivative=derivative, curvature=curvature, solver=solver)
    found, truth = steps[5], steps[1]
    out: dict[str, Any] = {**vectors(found, truth, "T1"), **vectors(found, removed, "T2")}
    out |= split(steps)
    scores, actual = -found @ case.target_gradients, true_scores(case, removed)
    out |= order(scores, actual, "T2")
    whole = kind == "task" and len(pis) == case.family.episodes.n_tasks
    out["LDS"] = lds.score(case, scores, 32) if whole else float("nan")
    out["tolerance"] = tiny(case)
    out["verdict"] = verdict(out)
    if device != "cpu":
        on = case.problem(device=device)
        moved = estimate(on, pis, derivative, curvature, solver)
        out["device error"] = float(np.linalg.norm(moved - found) / np.linalg.norm(found))
    return out | cost(case.problem(device=device), pis, derivative, curvature, solver)


def verdict(row: dict[str, Any]) -> str:
    """In words: what the estimate can be used for."""
    if row["T1 error"] <= row["tolerance"]:
        return "exact"
    if row["T1 error"] <= 0.05:
        return "within 5 %"
    if row["T1 rescaled"] <= 0.05:
        return "right up to a factor"
    return "ranks only" if row["T2 Spearman"] >= 0.9 else "not usable"


def cost(problem: Any, pis: list[Any], d: str, c: str, s: str) -> dict[str, float]:
    """Seconds as a multiple of one meta-gradient's (both have run before), and Hessian products."""
    problem.gradient(problem.lam)
    times, out = [], {}
    for what in ("gradient", "influence"):
        started = time.perf_counter()
        if what == "gradient":
            problem.gradient(problem.lam)
        else:
            out["products"] = float(solved(problem, pis, d, c, s).solve.products)
        if problem.lam.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return {**out, "cost in gradients": times[1] / times[0]}


def label(row: Row) -> str:
    """The parts that are not exact, joined."""
    parts = (row["derivative"], row["curvature"], row["solver"])
    return " + ".join(x for x in parts if x not in ("exact", "dense")) or "exact"


def draw(axes: Axes, rows: list[Row]) -> None:
    """Stacked sizes of the parts, one bar a choice, tasks of proximal softmax."""
    rows = [
        r
        for r in rows
        if r["family"] == "proximal_softmax" and r["kind"] == "task" and "total" in r
    ]
    left = np.zeros(len(rows))
    for n, part in enumerate(PARTS):
        sizes = np.array([r[f"size: {part}"] for r in rows])
        axes.barh(range(len(rows)), sizes, left=left, color=COLOURS[n], label=part, height=0.7)
        left += sizes
    totals = [r["total"] for r in rows]
    axes.plot(totals, range(len(rows)), "|", color=INK, markersize=9, label="total error")
    axes.set_xlim(0, WIDEST)
    for place, total in enumerate(totals):
        if total > WIDEST:
            axes.text(WIDEST, place, f" {total:.1f}", va="center", fontsize=7)
    names = [label(r) for r in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("size of each part, relative to the exact removal (they add up as vectors)")
    axes.set_title(f"Where the error comes from: tasks of proximal softmax, T = {TASKS}")
    axes.legend(fontsize=7, loc="lower right")


QUESTION = ask(
    Question(
        "parts",
        "What does each part of a method cost in accuracy?",
        "Each bar is a method with one part switched (or a paper's combination). Its segments are the "
        "sizes of the six parts of its error against exact removal; the tick is the whole error, "
        "smaller than their sum where parts undo one another.",
        cells,
        compute,
        draw,
        (
            "family",
            "kind",
            "derivative",
            "curvature",
            "solver",
            "verdict",
            "T1 error",
            "T1 rescaled",
            "T2 error",
            "T2 Spearman",
            "LDS",
            "products",
            "cost in gradients",
        ),
    )
)
