"""Right where shapes differ, where iterations end by luck, for some numbers of players and of targets.

Each was once found to pass a quick check, or was given a wrong name. None may again.
"""

import itertools

import torch

from metainfl.oracle.mutants.parts import columns, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant
from metainfl.oracle.mutants.targets import DATA, scored
from metainfl.oracle.mutants.values import QUADRATIC, kept_games

INPUTS = ("support_input", "query_input")


@mutant("instance and axis of an input shift exchanged where there are as many", kinds=INPUTS)
def shifts_turned_round_where_square(problem, pis):
    t = problem.tasks
    rows = {"support_input": t.support_x.shape[1], "query_input": t.query_x.shape[1]}

    def turned(p):
        square = rows[p.kind] == t.query_x.shape[2]
        return type(p)(p.kind, p.task, p.axis, p.instance) if square else p

    return truth(problem, [turned(p) for p in pis])


@mutant("scores transposed where there are as many data as targets", estimand="score")
def square_scores_transposed(problem, pis, targets):
    found = scored(problem, pis, targets)
    return found.T.contiguous() if len(found) == targets.n_tasks else found


@mutant("CG to a residual of 1e-12, not of 1e-12 times the right-hand side")
def cg_of_absolute_tolerance(problem, pis):
    h, off = hessian(problem), problem.tangent()
    off = h.new_zeros(len(h), 0) if off is None else off
    away = lambda rows: rows - (rows @ off) @ off.T  # noqa: E731
    found = []
    for b in away(columns(problem, pis)):
        x, r, d, rr = torch.zeros_like(b), b.clone(), b.clone(), b @ b
        for _ in range(20 * len(b)):
            if rr.sqrt() < 1e-12:
                break
            hd = h @ d
            step = rr / (d @ hd)
            x, r, before = x + step * d, away(r - step * hd), rr
            rr = r @ r
            d = r + rr / before * d
        found.append(x)
    return -away(torch.stack(found))


def _downsampled(problem, pis, targets, size):
    v, n = kept_games(problem, targets), problem.tasks.n_tasks
    drawn = [sum(1 << i for i in c) for c in itertools.combinations(range(n), size(n))]
    mean = lambda some: torch.stack([v[s] for s in some]).mean(0)  # noqa: E731
    rows = []
    for p in pis:
        bit = 1 << p.task
        rows.append(mean(s for s in drawn if s & bit) - mean(s for s in drawn if not s & bit))
    return torch.stack(rows)


@mutant("subsets of 0.7 T, rounded, not rounded up", estimand="downsampling", kinds=("task",),
        families=QUADRATIC[:1])  # fmt: skip
def subsets_rounded(problem, pis, targets):
    return _downsampled(problem, pis, targets, lambda n: max(1, min(round(0.7 * n), n - 1)))


@mutant("subsets of 0.7 T, rounded down", estimand="downsampling", kinds=("task",),
        families=QUADRATIC)  # fmt: skip
def subsets_rounded_down(problem, pis, targets):
    return _downsampled(problem, pis, targets, lambda n: max(1, int(0.7 * n)))


def _plain(problem):
    t = problem.tasks
    return bool((t.w == 1).all() and (t.query_weight == 1).all())


@mutant("a ranking the other way round where weights are not 1", estimand="score", accuracy="rank",
        kinds=DATA)  # fmt: skip
def ranks_backwards_by_weights(problem, pis, targets):
    return scored(problem, pis, targets) * (1 if _plain(problem) else -1)


@mutant("vectors turned round where weights are not 1", accuracy="rank", kinds=DATA)
def vectors_backwards_by_weights(problem, pis):
    return truth(problem, pis) * (1 if _plain(problem) else -1)


@mutant("a ranking the other way round for a single target", estimand="score", accuracy="rank",
        kinds=DATA)  # fmt: skip
def ranks_one_target_backwards(problem, pis, targets):
    return scored(problem, pis, targets) * (1 if targets.n_tasks > 1 else -1)


def _marquardt(problem, pis, times):
    h = hessian(problem)
    return solved(problem, h + times * torch.diag(h.diagonal()), columns(problem, pis))


@mutant("a damping of 1e-3 times the Hessian's diagonal")
def damped_by_the_diagonal(problem, pis):
    return _marquardt(problem, pis, 1e-3)


@mutant("a damping of a thousand times the Hessian's diagonal")
def damped_by_much_of_the_diagonal(problem, pis):
    return _marquardt(problem, pis, 1e3)
