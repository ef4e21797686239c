"""Truths of a training run's derivative: its order, one step, and a run that came to rest."""

from __future__ import annotations

import numpy as np

from metainfl.oracle.bridge import to_truth
from metainfl.oracle.checks.registry import check
from metainfl.oracle.checks.run_parts import RUN, needs_derivative, seen, under
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.runs.case import RunCase
from metainfl.oracle.runs.space import drawn_run
from metainfl_reference.estimands.trajectory import Recipe

#: of convex families, along which gradient descent comes to rest
CONVEX = ("proximal_ridge", "maml_linear", "single_ridge")


@check("truth", "the error of lam_S + eps * derivative falls as eps^2 along the run", RUN)
def order_along_the_run(ctx: Context) -> None:
    needs_derivative(ctx)
    if isinstance(ctx.claim.accuracy, float):
        raise Skipped(
            "a claimed relative tolerance limits the order test; see agrees_with_the_truth"
        )
    for case, pis in ctx.usable(limit=2):
        assert isinstance(case, RunCase)
        pis = [p for p in pis if not p.kind.endswith("input")][:4]
        if not pis:
            raise Skipped("inputs alone are claimed: their steps are no weights")
        slopes = ctx.ask(case, pis) / ctx.factor(case)
        for p, slope in zip(pis, slopes, strict=True):
            gaps = []
            for eps in (2e-4, 1e-4):
                move = case.move(p, eps)
                assert move is not None
                shift = seen(case, ctx, move[None])[0]
                gaps.append((float(np.abs(shift - eps * slope).max()), float(np.abs(shift).max())))
            (coarse, _), (fine, size) = gaps
            # the target's slope is constant here, so rounding of lam_S is all that is left of a linear law
            if fine <= 1e-7 * size + 1e-12:
                continue
            order = float(np.log2(coarse / fine))
            if order < 1.5:
                raise Failed(
                    f"the remainder falls as eps^{order:.2f}, not eps^2: the first-order term is wrong",
                    where=f"{case.name}, {p}",
                    error=fine / max(size, 1e-300),
                )


@check(
    "truth", "one step of gradient descent gives minus the rate times a gradient dot product", RUN
)
def one_step_is_a_gradient_dot_product(ctx: Context) -> None:
    needs_derivative(ctx)
    ctx.needs_kind("task")
    for base in ctx.cases:
        assert isinstance(base, RunCase) and base.start is not None
        f, n = base.family, base.family.episodes.n_tasks
        rate, batch = 0.06, (0, n - 1, 1)
        case = under(base, Recipe((batch,), (rate,)), "one step")
        pis = case.perturbations(["task"])
        weights = case.truth_run.weights
        rows = np.stack([f.task(p.task, base.start, weights).gradient() for p in pis])
        counts = np.bincount(batch, minlength=n)[[p.task for p in pis]]
        want = seen(case, ctx, -rate / len(batch) * counts[:, None] * rows)
        ctx.compare(case, pis, ctx.ask(case, pis), ctx.factor(case) * want,
                    "one step is no gradient dot product")  # fmt: skip


@check("truth", "on a convex problem a long run's derivative tends to the implicit one", RUN)
def tends_to_the_implicit_answer(ctx: Context) -> None:
    needs_derivative(ctx)
    names = [n for n in CONVEX if n in ctx.families]
    if not names:
        raise Skipped(f"needs one of {', '.join(CONVEX)} in the domain")
    ctx.needs_kind("task")
    base = drawn_run(names[0], "gradient descent", ctx.seed, plain=True)
    f, n = base.family, base.family.episodes.n_tasks
    at = f.solve(base.weights)
    values = np.linalg.eigvalsh(at.hessian)
    # all tasks at every step, summed: the objective is F; 2/(low + high) contracts fastest
    rate = 2 / float(values[0] + values[-1])
    slow = max(abs(1 - rate * float(values[0])), abs(1 - rate * float(values[-1])))
    steps = int(np.ceil(np.log(1e-8) / np.log(slow)))
    if steps > 400:
        raise Skipped(f"gradient descent would need {steps} steps here")
    recipe = Recipe((tuple(range(n)),) * steps, (rate,) * steps, reduction="sum")
    case = under(base, recipe, "at rest", start=at.lam)
    pis = case.perturbations(["task"])[:3]
    want = seen(case, ctx, f.influence([to_truth(p) for p in pis], at).value)
    ctx.compare(case, pis, ctx.ask(case, pis), ctx.factor(case) * want,
                "a run that rests at the minimum has another derivative than the minimum",
                allowed=max((1e-6, "100 times (1 - rate mu)^S"), ctx.tolerance(case)))  # fmt: skip
