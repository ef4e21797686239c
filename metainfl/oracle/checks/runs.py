"""Laws of a training run's derivative: for claims whose evidence is a run."""

from __future__ import annotations

import numpy as np
import torch

from metainfl.oracle.bridge import to_truth
from metainfl.oracle.checks.registry import check
from metainfl.oracle.comparing import differenced
from metainfl.oracle.context import Context
from metainfl.oracle.estimands.estimand import Evidence
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.runs.case import RunCase, run_case
from metainfl.oracle.runs.space import drawn_run
from metainfl.problem.perturbation import group, query, task
from metainfl_reference.estimands.trajectory import Recipe

Array = np.ndarray
RUN: tuple[Evidence, ...] = ("run",)
DERIVATIVES = ("run_derivative", "run_score")
#: of convex families, along which gradient descent comes to rest
CONVEX = ("proximal_ridge", "maml_linear", "single_ridge")


def _derivative(ctx: Context) -> None:
    if ctx.claim.estimand not in DERIVATIVES:
        raise Skipped(f"a law of the run's derivative; the claim is {ctx.claim.estimand}")
    if ctx.claim.accuracy == "rank":
        raise Skipped("a rank claim makes no statement about values")


def _kinds(ctx: Context, *kinds: str) -> None:
    missing = [k for k in kinds if k not in ctx.claim.kinds]
    if missing:
        raise Skipped(f"needs {', '.join(missing)} perturbations; not claimed")


def _seen(case: RunCase, ctx: Context, rows: Array) -> Array:
    """Shifts of lam_S (n, p) as the estimand has them."""
    return rows @ case.known.target_gradients if ctx.estimand.per_target else rows


@check("truth", "the error of lam_S + eps * derivative falls as eps^2 along the run", RUN)
def order_along_the_run(ctx: Context) -> None:
    _derivative(ctx)
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
                shift = _seen(case, ctx, move[None])[0]
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
    _derivative(ctx)
    _kinds(ctx, "task")
    for base in ctx.cases:
        assert isinstance(base, RunCase) and base.start is not None
        f, n = base.family, base.family.episodes.n_tasks
        rate, batch = 0.06, (0, n - 1, 1)
        case = _case(base, Recipe((batch,), (rate,)), "one step")
        pis = case.perturbations(["task"])
        weights = case.truth_run.weights
        rows = np.stack([f.task(p.task, base.start, weights).gradient() for p in pis])
        counts = np.bincount(batch, minlength=n)[[p.task for p in pis]]
        want = _seen(case, ctx, -rate / len(batch) * counts[:, None] * rows)
        ctx.compare(case, pis, ctx.ask(case, pis), ctx.factor(case) * want,
                    "one step is no gradient dot product")  # fmt: skip


@check("truth", "on a convex problem a long run's derivative tends to the implicit one", RUN)
def tends_to_the_implicit_answer(ctx: Context) -> None:
    _derivative(ctx)
    names = [n for n in CONVEX if n in ctx.families]
    if not names:
        raise Skipped(f"needs one of {', '.join(CONVEX)} in the domain")
    _kinds(ctx, "task")
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
    case = _case(base, recipe, "at rest", start=at.lam)
    pis = case.perturbations(["task"])[:3]
    want = _seen(case, ctx, f.influence([to_truth(p) for p in pis], at).value)
    ctx.compare(case, pis, ctx.ask(case, pis), ctx.factor(case) * want,
                "a run that rests at the minimum has another derivative than the minimum",
                allowed=(1e-6, "100 times (1 - rate mu)^S"))  # fmt: skip


@check("laws", "a task that no batch holds changes nothing, and a weight times 1 neither", RUN)
def what_no_batch_holds_changes_nothing(ctx: Context) -> None:
    _kinds(ctx, "task")
    for base in ctx.cases:
        assert isinstance(base, RunCase) and base.recipe is not None
        n = base.family.episodes.n_tasks
        batches = tuple(tuple(k % (n - 1) for k in b) for b in base.recipe.batches)
        case = _case(base, _with(base.recipe, batches), "without its last task")
        pis = [task(n - 1), task(0)]
        idle, busy = ctx.ask(case, pis)
        if np.abs(idle).max() > 1e-12 * max(float(np.abs(busy).max()), 1e-300):
            raise Failed("a task that is in no batch has an effect", where=case.name)


@check("laws", "query instances add up to their task, and members to their group", RUN)
def parts_of_a_run_add_up(ctx: Context) -> None:
    _derivative(ctx)
    _kinds(ctx, "task", "query", "group")
    for case in ctx.cases:
        if case.family.direct:
            continue  # that term of a task's loss is no query instance's
        weights = case.truth_run.weights  # type: ignore[attr-defined]
        there = np.flatnonzero(weights.query[1]).tolist()
        rows = [query(1, j) for j in there]
        both = group([task(0), query(1, 0)])
        got = ctx.ask(case, [task(1), both, task(0), *rows])
        # d/dv_j carries the task's weight, and v_j d/dv_j add up to w d/dw
        want = np.einsum("j,jk->k", weights.query[1, there], got[3:]) / weights.task[1]
        allowed = (4 * len(rows) * ctx.tolerance(case)[0], "sums of answers")
        ctx.compare(
            case, [task(1)], got[:1], want[None], "query instances do not add up", allowed=allowed
        )
        ctx.compare(
            case, [both], got[1:2], (got[2] + got[3])[None], "not the members' sum", allowed=allowed
        )


@check("options", "float32 gives the float64 answer to single precision, along a run too", RUN)
def run_in_single_precision(ctx: Context) -> None:
    if ctx.claim.accuracy == "rank":
        raise Skipped("a rank claim makes no statement about values")
    for case, pis in ctx.space()[: 3 if ctx.quick else None]:
        got = ctx.ask(case, pis, case.problem(torch.float32))
        claimed = ctx.claim.accuracy if isinstance(ctx.claim.accuracy, float) else 0.0
        if claimed:  # what is differenced in float64 is good to less in float32
            claimed = max(claimed, differenced(torch.float32)) * case.stretch
        rounding = case.rounding(pis, torch.float32)
        if ctx.estimand.edit:  # rounding of lam_S, seen beside a shift
            lam, shifts = case.solution.lam, ctx.truth(case, pis)
            size = max(float(np.linalg.norm(shifts)) / len(pis) ** 0.5, 1e-300)
            rounding *= max(1.0, float(np.linalg.norm(lam)) / size)
        allowed = (min(1.0, max(claimed, rounding)), "16 sqrt(p S) eps cond(inner) growth")
        ctx.compare(case, pis, got, ctx.truth(case, pis), "wrong in float32 along a run",
                    allowed=allowed)  # fmt: skip


def _with(recipe: Recipe, batches: tuple[tuple[int, ...], ...]) -> Recipe:
    own = {**vars(recipe), "batches": batches}
    return Recipe(**own)


def _case(base: RunCase, recipe: Recipe, words: str, start: Array | None = None) -> RunCase:
    """The case's family under another recipe, its targets kept."""
    code = f"# {base.code}, {words}: {recipe}"
    at = base.start if start is None else start
    assert at is not None
    return run_case(f"{base.name}, {words}", base.family, recipe, start=at, weights=base.weights,
                    targets=base.targets, code=code)  # fmt: skip
