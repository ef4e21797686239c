"""Rank claims: the order of the data against their truths or exact removals, and its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from metainfl.methods.claim import Claim
from metainfl.oracle.case import Case
from metainfl.oracle.checks.registry import EVERY, check
from metainfl.oracle.context import Context
from metainfl.oracle.measure import spearman
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.space import drawn_case
from metainfl.problem.perturbation import Perturbation, parts

TOGETHER = ""  # all kinds of perturbation in one order
COLUMN = "column"  # one target's, or the one of lengths
DRAWN = {"wide": ", where weights are not 1", "narrow": ", where there is one target"}


@check("truth", "ranks data as the truth does, with its sign, with confidence and not by a bare threshold",
       EVERY)  # fmt: skip
def ranks_removals(ctx: Context) -> None:
    if ctx.claim.accuracy != "rank":
        raise Skipped("no rank claim")
    found: dict[str, list[float]] = {}
    names = ctx.families[: 2 if ctx.quick else 4]
    for name in names:
        for seed in range(4 if ctx.quick else 8):
            case = type(ctx)(
                ctx.method, _only(ctx, name), quick=True, seed=ctx.seed + 50 + seed
            ).case
            for of, values in ranks(ctx, case).items():
                found.setdefault(of, []).extend(values)
            if name == names[0] and seed < 3 and ctx.estimand.evidence != "run":
                for design, of in DRAWN.items():
                    drawn = ranks(ctx, drawn_case(name, design, ctx.seed + seed))
                    found.setdefault(of, []).extend(drawn.get(TOGETHER, []))
                    for j, value in enumerate(drawn.get(TOGETHER, [])):
                        found.setdefault(f"{of}, {COLUMN} {j}", []).append(value)
    if len(found.get(TOGETHER, [])) < 3:
        raise Skipped("too few removals in the domain to rank")
    what = "its own truth" if ctx.estimand.per_target else "exact removal"
    for of, values in found.items():
        if len(values) < 3:
            continue
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / np.sqrt(len(values))
        # one-sided, about 99 per cent at these sizes; a kind alone fails where it surely ranks nothing, a
        # target alone, of which there are three problems, where it is surely ranked backwards
        side, limit = (
            ("lower", mean - 2.5 * spread) if of == TOGETHER else ("upper", mean + 2.5 * spread)
        )
        least = 0.0 if COLUMN in of else 0.2
        if limit <= least:
            raise Failed(
                f"mean rank correlation with {what} {mean:.2f} +- {spread:.2f} over {len(values)} "
                f"problems{of}: its {side} confidence limit does not exceed {least}",
                error=1 - mean,
                tolerance=1 - least,
            )


def ranks(ctx: Context, case: Case) -> dict[str, list[float]]:
    """Rank correlations of the answers on one case, of all kinds together and of each by itself: of scores
    with the claimed estimand, target by target and with its sign; of the lengths of vectors with those of
    exact removals, each over its weight, 0 where they point away.
    """
    chosen = {TOGETHER: case.perturbations(ctx.claim.kinds, 12)}
    if len(ctx.claim.kinds) > 1:
        chosen |= {f", {kind} alone": case.perturbations([kind], 12) for kind in ctx.claim.kinds}
    every = list(dict.fromkeys(p for own in chosen.values() for p in own))
    every = [p for p in every if not p.kind.endswith("input") and ctx.known(case, p)]
    if not ctx.estimand.per_target:
        shifts = {p: case.removal_shift(p) for p in every}
        every = [p for p in every if shifts[p] is not None]
    if not every:
        return {}
    got, want = ctx.ask(case, every), ctx.truth(case, every)
    out = {}
    for of, own in chosen.items():
        at = [every.index(p) for p in own if p in every]
        if len(at) < 4:
            continue
        if ctx.estimand.per_target:
            found = [spearman(g, w) for g, w in zip(got[at].T, want[at].T, strict=True)]
        else:
            moved = [s for i in at if (s := shifts[every[i]]) is not None]
            sizes = np.array([np.linalg.norm(s) for s in moved])
            if not ctx.estimand.edit:
                sizes = sizes / _weights(case, every, at)
            along = float(np.sum(got[at] * want[at])) if got.shape == want.shape else 1.0
            lengths = np.linalg.norm(got[at], axis=1)
            found = [spearman(lengths, sizes) if along > 0 else 0.0]
        out[of] = [0.0 if np.isnan(r) else r for r in found]
    return out


def _weights(case: Case, every: Sequence[Perturbation], at: Sequence[int]) -> np.ndarray:
    """What a removal takes away, for each of these: a derivative is that of a unit of it."""
    w = case.solution.weights
    found = []
    for i in at:
        own = parts(every[i])
        each = [
            w.task[m.task] if m.kind == "task" else getattr(w, m.kind)[m.task, m.instance]
            for m in own
        ]
        found.append(float(np.mean(each)))
    return np.array(found)


def _only(ctx: Context, name: str) -> Claim:
    return replace(ctx.claim, families=(name,))
