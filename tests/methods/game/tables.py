"""Random games, and what every estimator of a family of values is, by the name of its estimand."""

import numpy as np

from metainfl.games import Table
from metainfl.methods import game as methods
from metainfl_reference.answer import Answer
from metainfl_reference.estimands import subsampling, values

EPS = np.finfo(float).eps
N = 5


def table(seed=0, n=N, targets=None):
    """Values N(0, 1): nothing holds in it by accident."""
    shape = (2**n,) if targets is None else (2**n, targets)
    return Table(np.random.default_rng(seed).standard_normal(shape))


def room(game):
    """Rounding of sums of 2^n terms with weights of sum 2: 2^n eps times the largest value, twice."""
    return 4 * len(game.values) * EPS * np.abs(game.values).max()


def truth(of, game, *args):
    """A reference estimand of each column of the game."""
    columns = game.values.reshape(len(game.values), -1).T
    found = np.stack([of(Answer.exactly(v), *args).value for v in columns], axis=-1)
    return found if game.values.ndim == 2 else found[..., 0]


#: name: (estimator without samples, reference estimand and its arguments, options when sampled)
VALUES = {
    "shapley": (methods.shapley, (values.shapley,), None),
    "permutations": (methods.shapley_permutations, (values.shapley,), {}),
    "antithetic": (
        lambda g, **o: methods.shapley_permutations(g, antithetic=True, **o),
        (values.shapley,),
        {},
    ),
    "TMC": (lambda g, **o: methods.tmc_shapley(g, 0.0, **o), (values.shapley,), {}),
    "group testing": (methods.group_testing, (values.shapley,), {}),
    "Beta(4, 1)": (
        lambda g, **o: methods.beta_shapley(g, 4.0, 1.0, **o),
        (values.beta_shapley, 4.0, 1.0),
        {},
    ),
    "Beta(1, 4)": (
        lambda g, **o: methods.beta_shapley(g, 1.0, 4.0, **o),
        (values.beta_shapley, 1.0, 4.0),
        {},
    ),
    "Banzhaf": (methods.banzhaf, (values.banzhaf,), None),
    "MSR": (methods.banzhaf_msr, (values.banzhaf,), {}),
    "AME of 1/2": (lambda g, **o: methods.ame(g, [0.5], **o), (values.banzhaf,), {}),
    "downsampling": (
        lambda g, **o: methods.downsampling(g, 3, **o),
        (subsampling.downsampling, 3),
        {},
    ),
    "Feldman-Zhang": (
        lambda g, **o: methods.feldman_zhang(g, 2, **o),
        (subsampling.expected_removal, 2),
        {},
    ),
    "order-1 interaction": (
        lambda g, **o: methods.shapley_interaction(g, 1, **o),
        (values.shapley,),
        {},
    ),
    "order-1 Taylor": (lambda g, **o: methods.shapley_taylor(g, 1, **o), (values.shapley,), {}),
}
SAMPLED = [name for name, (_, _, options) in VALUES.items() if options is not None]
