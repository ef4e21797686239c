"""What narrows an error down where it has no name: where it shows, and where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from metainfl.oracle.case import Case
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.measure import distance
from metainfl.problem.perturbation import Perturbation

Array = np.ndarray
Trait = Callable[[Case], bool]
PARALLEL = 1e-2  # of the error, and of the answer, that a scale may leave
TELLING = 1e-2  # where single precision may be off by more, it tells nothing


def _weights_are_one(c: Case) -> bool:
    return c.weights is None


def _one_loss(c: Case) -> bool:
    own = getattr(c.family, "loss_name", None)
    return getattr(c.family, "outer_loss", own) == own


TRAITS: dict[str, Trait] = {
    "all weights are 1": _weights_are_one,
    "there are at most 6 tasks": lambda c: c.family.episodes.n_tasks <= 6,
    "nothing is adapted": lambda c: c.family.name.startswith("single"),
    "there are at most two flat directions": lambda c: (
        c.family.tangent(c.solution.lam).shape[1] <= 2
    ),
    "there is at most one flat direction": lambda c: c.family.tangent(c.solution.lam).shape[1] <= 1,
    "there is no flat direction": lambda c: not c.family.tangent(c.solution.lam).shape[1],
    "F is quadratic": lambda c: c.family.quadratic,
    "there is more than one task": lambda c: c.family.episodes.n_tasks > 1,
    "there is one target": lambda c: len(c.targets) == 1,
    "there is one output": lambda c: c.family.episodes.query_y.shape[2] == 1,
    "there are at most three inner steps": lambda c: getattr(c.family, "steps", 0) <= 3,
    "there is one inner rate": lambda c: np.ptp(np.asarray(getattr(c.family, "alpha", 0.0))) == 0,
    "the outer loss is the inner one": _one_loss,
    "there are more supports than queries": lambda c: (
        c.family.episodes.support_x.shape[1] > c.family.episodes.query_x.shape[1]
    ),
    "outer_reg is one number": lambda c: np.ndim(c.family.d_out) == 0,
    "direct is 0": lambda c: c.family.direct == 0,
    "MAML has no inner regulariser": lambda c: (
        not c.family.name.startswith("maml") or not getattr(c.family, "d_in", 0)
    ),
}


def facts(every: Sequence[Evidence], wrong: Sequence[Evidence]) -> list[str]:
    """Short sentences, the sharpest first."""
    out = []
    bad_kinds = {e.kind for e in wrong}
    good_kinds = {e.kind for e in every} - bad_kinds
    if good_kinds:
        out.append(
            f"right for {', '.join(sorted(good_kinds))}, wrong for {', '.join(sorted(bad_kinds))}"
        )
    own = [e for e in every if e.kind in bad_kinds]
    if any(e.first for e in own) and all(e.wrong or e.first for e in own):
        out.append("right in its first call, wrong in every later one")
    bad = {id(e.case): e.case for e in wrong}
    good = {id(e.case): e.case for e in own if id(e.case) not in bad}
    apart = [
        words
        for words, trait in TRAITS.items()
        if good and all(map(trait, good.values())) and not any(map(trait, bad.values()))
    ]
    if apart:  # several where the cases cannot tell which of them it is
        of_several = " (these cases cannot tell which)" if len(apart) > 1 else ""
        out.append(f"right where {', or '.join(apart[:4])}{of_several}")
    families = {c.family.name for c in good.values()} - {c.family.name for c in bad.values()}
    if families and len(out) < 2:
        out.append(f"right on {', '.join(sorted(families))}")
    out += _places(wrong)
    single = [e.case.rounding(e.pis, torch.float32) for e in wrong]
    if max(single) <= TELLING and all(e.off <= s for e, s in zip(wrong, single, strict=True)):
        out.append("right to single precision")
    if all(_left(e, np.sum(e.got * e.want) / np.sum(e.want**2)) for e in wrong):
        factors = [float(np.sum(e.got * e.want) / np.sum(e.want**2)) for e in wrong]
        out.append(f"parallel to the truth, factor {min(factors):.4g} to {max(factors):.4g}")
    elif all(_rows_parallel(e) for e in wrong):
        out.append("each row parallel to its truth, at a scale of its own")
    elif all(distance(e.got, e.want).cosine > 0.99 for e in wrong):
        out.append("nearly parallel to the truth")
    return out


def _rows_parallel(e: Evidence) -> bool:
    """Rows of more than one number, and right but for a scale: small errors are parallel anyway."""
    size = np.sum(e.want**2, axis=1, keepdims=True)
    factor = np.sum(e.got * e.want, axis=1, keepdims=True) / np.where(size > 0, size, 1.0)
    return e.want.shape[1] > 1 and _left(e, factor)


def _left(e: Evidence, factor: Array | float) -> bool:
    """Whether at most a hundredth of the error, and of the answer, is left once the truth is scaled."""
    least = min(float(np.linalg.norm(e.got - e.want)), float(np.linalg.norm(e.got)))
    return float(np.linalg.norm(e.got - factor * e.want)) <= PARALLEL * least


def _first_alike(case: Case, p: Perturbation) -> int:
    """The instance, or the first that nothing tells from it."""
    side = p.kind.split("_")[0]
    if p.instance < 0 or side not in ("support", "query"):
        return p.instance
    e, k, j = case.family.episodes, p.task, p.instance
    x, y = getattr(e, f"{side}_x")[k], getattr(e, f"{side}_y")[k]
    return int(np.argmax((x == x[j]).all(1) & (y == y[j]).all(1)))


def _places(wrong: Sequence[Evidence]) -> list[str]:
    """The same tasks or instances wrong everywhere."""
    tasks, instances, all_tasks, all_instances = [], [], [], []
    for e in wrong:
        gap = np.linalg.norm(e.got - e.want, axis=1)
        bad = gap > max(100 * e.rounding, 1e-9) * np.linalg.norm(e.want) / len(e.want) ** 0.5
        tasks.append({p.task for p, b in zip(e.pis, bad, strict=True) if b})
        all_tasks.append({p.task for p in e.pis})
        places = [_first_alike(e.case, p) for p in e.pis]
        instances.append({i for i, b in zip(places, bad, strict=True) if b})
        all_instances.append(set(places))
    out = []
    for what, some, whole in (("task", tasks, all_tasks), ("instance", instances, all_instances)):
        union = set().union(*some)
        if union == {-1} or not union or any(len(w) < 2 for w in whole):
            continue
        if len(union) == 1:
            out.append(f"wrong only for {what} {union.pop()}")
        else:
            right = set.intersection(*(w - s for w, s in zip(whole, some, strict=True)))
            if len(right) == 1 and all(
                len(s) == len(w) - 1 for w, s in zip(whole, some, strict=True)
            ):
                out.append(f"right for {what} {right.pop()} and wrong for all others")
    return out
