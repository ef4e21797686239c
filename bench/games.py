"""Error of estimators that read a game, against the number of values they ask for.

python -m bench.games          measure, write JSON, print the table
python -m bench.games --show   print from the committed JSON
One problem: ten regression tasks, proximal ridge, minus the loss of a task that is not among them; all
2^10 values are known, so that every estimator's own estimand is. Errors are relative to the spread of that
estimand over the players, root mean square over players and seeds.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.report.environment import environment
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import regression

RESULT = Path(__file__).parent / "results" / "games.json"
N, SEEDS = 10, 40
BUDGETS = (64, 128, 256, 512)
CUT = 0.05  # of v(all) - v(none): where truncated orders end


def setting():
    """The game as its table, and the problem and target behind it."""
    e = regression(0, tasks=N + 1, support=4, query=4, d=3, c=1)
    family = FAMILIES["proximal_ridge"](e, d_in=1.0, d_out=1.0)
    whole = problem_of(family)
    problem = whole.replaced(tasks=whole.tasks.select(list(range(N))))
    problem.solve()
    target = tasks_of(e).select([N])
    values = games.quadratic(problem, target).many(all_subsets(N))[:, 0]
    return games.Table(values), problem, target


def sampled(game):
    """Name: (estimator, its estimand)."""
    cut = CUT * abs(game.values[-1] - game.values[0])
    shapley, banzhaf = methods.shapley(game), methods.banzhaf(game)
    size = 7
    fit = methods.datamodel(game, 5).weights
    effect = methods.ame(game)
    return {
        "Shapley, orders": (methods.shapley_permutations, shapley),
        "Shapley, antithetic orders": (
            lambda g, **o: methods.shapley_permutations(g, antithetic=True, **o),
            shapley,
        ),
        "TMC-Shapley": (lambda g, **o: methods.tmc_shapley(g, cut, **o), shapley),
        "group testing": (methods.group_testing, shapley),
        "Beta(16, 1)-Shapley": (
            lambda g, **o: methods.beta_shapley(g, 16.0, 1.0, **o),
            methods.beta_shapley(game, 16.0, 1.0),
        ),
        "Banzhaf, MSR": (methods.banzhaf_msr, banzhaf),
        "Downsampling": (
            lambda g, **o: methods.downsampling(g, size, **o),
            methods.downsampling(game, size),
        ),
        "Feldman-Zhang": (
            lambda g, **o: methods.feldman_zhang(g, size - 1, **o),
            methods.feldman_zhang(game, size - 1),
        ),
        "AME, least squares": (methods.ame, effect),
        "AME, lasso": (lambda g, **o: methods.ame(g, penalty="cv", **o), effect),
        "datamodel, least squares": (
            lambda g, **o: methods.datamodel(g, 5, penalty=0.0, **o).weights,
            fit,
        ),
        "datamodel, lasso": (lambda g, **o: methods.datamodel(g, 5, **o).weights, fit),
    }


def row(name, estimator, wanted, game, budget, seeds):
    """Error, stated error, coverage and calls at one budget."""
    stop = games.Stop(calls=budget)
    found = [estimator(game, stop=stop, seed=s) for s in range(seeds)]
    off = np.array([f.values - wanted.values for f in found])
    spread = wanted.values.std()
    inside = [(np.abs(f.values - wanted.values) <= f.interval()[1] - f.values) for f in found]
    return {
        "estimator": name,
        "budget": budget,
        "calls": float(np.mean([f.calls for f in found])),
        "error": float(np.sqrt(np.mean(off**2)) / spread),
        "bias": float(np.abs(off.mean(axis=0)).max() / spread),
        "stated": float(np.sqrt(np.mean([f.errors**2 for f in found])) / spread),
        "covered": float(np.mean(inside)),
        "rank": float(np.mean([spearmanr(f.values, wanted.values).statistic for f in found])),
    }


def enumerated(game, problem, target):
    """Exact values: their calls, and how they rank beside Shapley and removal."""
    shapley, removal = methods.shapley(game), methods.leave_one_out(game)
    rate = 1 / float(problem.hessian(problem.lam).diagonal().max())
    step = methods.gradient_shapley(problem, target, rate, start=0 * problem.lam)
    found = {
        "leave-one-out": removal,
        "Shapley": shapley,
        "Gradient-Shapley": step,
        "Beta(16, 1)-Shapley": methods.beta_shapley(game, 16.0, 1.0),
        "Banzhaf": methods.banzhaf(game),
        "Downsampling, m = 7": methods.downsampling(game, 7),
        "Feldman-Zhang, m = 6": methods.feldman_zhang(game, 6),
        "AME": methods.ame(game),
        "datamodel, m = 5": methods.datamodel(game, 5).weights,
    }
    return [
        {
            "value": name,
            "calls": f.calls,
            "rank_with_shapley": _rank(f, shapley),
            "rank_with_removal": _rank(f, removal),
        }
        for name, f in found.items()
    ]


def _rank(a, b):
    return float(spearmanr(a.values.reshape(-1), b.values.reshape(-1)).statistic)


def measure(budgets=BUDGETS, seeds=SEEDS):
    """All rows."""
    game, problem, target = setting()
    rows = [
        row(name, estimator, wanted, game, budget, seeds)
        for name, (estimator, wanted) in sampled(game).items()
        for budget in budgets
    ]
    return {
        "environment": environment(),
        "players": N,
        "seeds": seeds,
        "exact": enumerated(game, problem, target),
        "rows": rows,
    }


def show(data):
    """Two tables in text."""
    print(f"{'exact value':28} {'calls':>6}  rank with Shapley  with removal")
    for r in data["exact"]:
        print(
            f"{r['value']:28} {r['calls']:6d}  {r['rank_with_shapley']:17.3f}  {r['rank_with_removal']:12.3f}"
        )
    print(f"\n{'estimator':28} {'budget':>6} {'calls':>6}  error  bias  stated  covered   rank")
    for r in data["rows"]:
        print(
            f"{r['estimator']:28} {r['budget']:6d} {r['calls']:6.0f}  {r['error']:5.3f} {r['bias']:5.3f}"
            f"  {r['stated']:6.3f}  {r['covered']:7.3f}  {r['rank']:5.3f}"
        )


def rounded(x):
    """Four digits are what the seeds leave certain."""
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return float(f"{x:.4g}") if isinstance(x, float) else x


if __name__ == "__main__":
    if "--show" not in sys.argv:
        RESULT.write_text(json.dumps(rounded(measure()), indent=1) + "\n")
    show(json.loads(RESULT.read_text()))
