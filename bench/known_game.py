"""One game of ten tasks whose 2^10 values are all known, the estimators that sample it, and exact values."""

from scipy.stats import spearmanr

from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import regression

N = 10


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
