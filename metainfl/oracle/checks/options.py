"""Options: damping, chunks, precision, device, and what to do when a solve cannot succeed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from metainfl.oracle.case import Case
from metainfl.oracle.checks.parts import either
from metainfl.oracle.checks.registry import check
from metainfl.oracle.context import Context
from metainfl.oracle.dampings import damping
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.variants.parts import rhs, solve
from metainfl_reference.generators import small


@check("options", "`damping` adds that multiple of the identity to H, tiny or huge")
def damping_is_added_to_the_hessian(ctx: Context) -> None:
    ctx.needs_derivative()
    name = ctx.takes("damping")
    if name is None:
        raise Skipped("the method has no `damping` option")
    for case, pis in ctx.usable(limit=2)[:2]:
        factor = ctx.claim.factor(case.family.episodes.n_tasks)
        for d in (1e-8, 0.3, 1e6):
            h = case.solution.hessian + d * np.eye(case.family.n_meta)
            want = factor * solve(case, h, rhs(case, pis))
            got = ctx.ask(case, pis, None, **{name: d})
            ctx.compare(case, pis, got, want, f"damping={d:g} is not (H + damping I)^-1",
                        diagnosis=partial(_damped_otherwise, ctx, name))  # fmt: skip


def _damped_otherwise(ctx: Context, option: str) -> str:
    """What the option adds instead, where two cases and two values of it say the same."""
    factors: dict[str, list[float]] = {
        "": [],
        " times the largest eigenvalue": [],
        " times the mean eigenvalue": [],
    }
    for case, pis in ctx.usable(limit=2)[:2]:
        own, h = case.cross_derivatives(pis), case.solution.hessian
        scales = (1.0, float(np.linalg.eigvalsh(h)[-1]), float(np.trace(h)) / len(h))
        kinds = [p.kind for p in pis]
        for d in (0.3, 3.0):
            try:
                rows = ctx.ask(case, pis, None, **{option: d}) / ctx.factor(case)
            except Failed:
                return ""
            if rows.shape[1] != len(own):
                return ""
            seen = Evidence(case, kinds[0], tuple(pis), rows, rows, True, case.rounding(pis))
            added = damping(seen)
            if added is None:
                return ""
            for scale, found in zip(scales, factors.values(), strict=True):
                found.append(added / (d * scale))
    for how, found in factors.items():
        if np.ptp(found) <= 1e-5 * abs(found[0]):
            return f"the damping that is asked for enters as {found[0]:.4g} damping{how}"
    return ""


@check("options", "the size of chunks or batches does not change the answer")
def chunks_do_not_matter(ctx: Context) -> None:
    ctx.needs_values()
    name = ctx.takes("chunk", "chunk_size", "batch_size")
    # and where weights are not 1, which a path of its own for chunks may forget
    asked = [ctx.usable(limit=2)[0], *(ctx.space("wide")[:1] if ctx.estimand.cheap else [])]
    for case, pis in asked:
        whole = ctx.ask(case, pis)
        allowed = (2 * either(ctx, case, pis)[0], "twice the tolerance")
        for size in (2,) if ctx.quick else (1, 2, 3):
            problem = case.problem().replaced(chunk=size)
            got = ctx.ask(case, pis, problem, **({name: size} if name else {}))
            words = f"chunks of {size} change the answer"
            ctx.compare(case, pis, got, whole, words, allowed=allowed)


@check("options", "float32 gives the float64 answer to single precision")
def single_precision(ctx: Context) -> None:
    ctx.needs_values()
    refused = 0
    asked = ctx.space("wide", "narrow")[: 3 if ctx.quick else None]
    for case, pis in asked:
        try:
            got = ctx.ask(case, pis, case.problem(torch.float32))
        except Failed as error:
            if (
                "NotStationary" in error.message
            ):  # lam rounded to float32 may be refused, and by name
                refused += 1
                continue
            raise
        for kind in ctx.claim.kinds:
            rows = [i for i, p in enumerate(pis) if p.kind == kind]
            if rows:
                own = [pis[i] for i in rows]
                ctx.compare(case, own, got[rows], ctx.truth(case, own), f"wrong in float32 ({kind})",
                            allowed=ctx.measured_tolerance(case, own, torch.float32))  # fmt: skip
    if refused == len(asked):
        raise Skipped("refuses lam rounded to single precision")


@check("options", "a CUDA problem gives the CPU answer")
def other_device(ctx: Context) -> None:
    if not torch.cuda.is_available():
        raise Skipped("no CUDA device here")
    ctx.needs_values()
    case, pis = ctx.usable(limit=2)[0]
    got = ctx.ask(case, pis, case.problem(device="cuda"))
    ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong on a CUDA device")


@check("options", "a solve that diverges raises; it never returns what it had")
def divergence_raises(ctx: Context) -> None:
    ctx.needs_derivative()
    names = [n for n in ctx.families if n not in ("prototypes", "linear_representation")]
    if not names:
        raise Skipped("no family in the domain whose inputs can be scaled")
    name = names[0]
    base = small(name, ctx.seed)
    e = base.episodes
    # Inputs ten times larger make H a hundred times larger: an unscaled series diverges.
    scaled = replace(
        e, query_x=10 * e.query_x, query_y=10 * e.query_y if base.quadratic else e.query_y
    )
    family = type(base)(scaled, **_options(base))
    case = Case(f"{name}, inputs times ten", family, f"# {name} with inputs times ten")
    pis = ctx.perturbations(case, limit=2)
    try:
        got = ctx.ask(case, pis)
    except Failed as error:
        if error.message.startswith("raised"):
            return  # said so
        raise
    # Far from rounding: what is looked for is a series that ran away, not a digit that was lost.
    allowed = (max(1e-6, ctx.tolerance(case)[0]), "a millionth: a diverged solve is nowhere near")
    ctx.compare(case, pis, got, ctx.truth(case, pis), "returned a diverged or unconverged solve",
                allowed=allowed, code=case.code)  # fmt: skip


@check("options", "one call takes no longer than its time limit, and grows tamely with tasks")
def cost_grows_tamely(ctx: Context) -> None:
    if ctx.estimand.evidence == "game":
        raise Skipped("values over all subsets are exponential by definition")
    name = ctx.families[0]
    from metainfl_reference.generators import CLASSIFICATION, build, classification, regression

    seconds = []
    for t in (8, 8, 32):  # the first is a warm-up
        e = classification(0, tasks=t) if name in CLASSIFICATION else regression(0, tasks=t)
        case = Case(f"{name}, {t} tasks", build(name, e), "")
        pis = ctx.perturbations(case, limit=2)[:4]
        problem = case.problem()
        seconds.append(ctx.raw(case, pis, problem).seconds)
    # Four times the tasks: 64 is the cube, and half a second of slack keeps slow days out of it.
    if seconds[2] > 64 * seconds[1] + 0.5:
        raise Failed(
            f"8 tasks took {seconds[1]:.3f} s and 32 tasks {seconds[2]:.3f} s: worse than cubic",
            error=seconds[2] / seconds[1],
            tolerance=64.0,
        )


def _options(family: Any) -> dict[str, Any]:
    out = {"d_in": family.d_in, "d_out": family.d_out}
    if hasattr(family, "steps"):
        out.update(steps=family.steps, alpha=family.alpha[0] / 100)
    return out
