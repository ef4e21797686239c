"""Right for numbers of the usual size: weights near 1, labels of 0 and 1, an objective that is neither tiny
nor huge, one Hessian for each minimum and regulariser.

Each was once found to pass a quick check: no case lay beyond.
"""

import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, system, truth
from metainfl.oracle.mutants.registry import mutant


def _reweighted(problem, of):
    t = problem.tasks
    own = {n: of(getattr(t, f"{n}_weight")) for n in ("task", "support", "query")}
    return problem.replaced(tasks=t.reweighted(**own))


@mutant("weights below a tenth taken for padding")
def small_weights_are_padding(problem, pis):
    other = _reweighted(problem, lambda w: torch.where(w < 0.1, 0 * w, w))
    return solved(problem, hessian(other), columns(problem, pis))


@mutant("weights cut at two")
def weights_cut_at_two(problem, pis):
    return truth(_reweighted(problem, lambda w: w.clamp(max=2)), pis)


@mutant("labels of queries read by their argmax", families=("proximal_softmax", "maml_softmax"))
def labels_by_argmax(problem, pis):
    t = problem.tasks
    y = torch.nn.functional.one_hot(t.query_y.argmax(-1), t.query_y.shape[-1]).to(t.query_y)
    given = (t.support_x, t.support_y, t.query_x, y)
    other = type(t)(*given, t.w, t.support_weight, t.query_weight)
    return truth(problem.replaced(tasks=other), pis)


@mutant("right-hand sides shorter than 1e-6 dropped, but of queries and inputs",
        kinds=("task", "support"), families=("proximal_ridge", "single_ridge"))  # fmt: skip
def short_sides_dropped(problem, pis):
    b = columns(problem, pis)
    b = torch.where(b.norm(dim=1, keepdim=True) > 1e-6, b, 0 * b)
    return solved(problem, hessian(problem), b)


@mutant("eigenvalues below 1e-6 dropped, whatever the others are")
def eigenvalues_below_an_absolute_bound(problem, pis):
    h, b = system(problem, pis)
    values, v = torch.linalg.eigh(h)
    off = problem.tangent()
    skip = 0 if off is None else off.shape[1]
    values, v = values[skip:], v[:, skip:]
    g = torch.where(values > 1e-6, 1 / values, 0 * values)
    return -(v @ (g[:, None] * (v.T @ b))).T


@mutant("a cache of Hessians by lam and outer_reg")
def cache_by_lam_and_regulariser(problem, pis, _kept={}):  # noqa: B006
    key = (problem.lam.numpy().tobytes(), str(problem.outer_reg))
    if key not in _kept:
        _kept[key] = hessian(problem)
    return solved(problem, _kept[key], columns(problem, pis))


@mutant("a regulariser below 0.05 taken for 0.05")
def regulariser_at_least(problem, pis):
    least = torch.as_tensor(problem.outer_reg, dtype=problem.lam.dtype).clamp_min(0.05)
    h = hessian(problem) + torch.diag((least - problem.outer_reg).expand(len(problem.lam)))
    return solved(problem, h, columns(problem, pis))
