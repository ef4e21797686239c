"""Yes or no, wherever it decides which number is computed: a word is neither, though it is true in Python."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.adaptation import KroneckerInverse
from metainfl.data import pixels, rotated_copies
from metainfl.methods.claim import Claim
from metainfl.methods.game.shapley_permutations import shapley_permutations
from metainfl.methods.implicit.classical_if import ekfac_if
from metainfl.methods.implicit.cook import cook_shift
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.methods.used_last import used_last
from metainfl.numbers import flag
from metainfl.oracle import small_case
from metainfl.training import SGD, Adam

TASK = [mi.task(0)]


@pytest.fixture(scope="module")
def problem():
    return small_case("maml_softmax").problem()


ASKED = {
    "allow_nonstationary": lambda p, v: mi.influence(p, TASK, allow_nonstationary=v),
    "through_adaptation": lambda p, v: mi.scores(p, TASK, p.tasks, through_adaptation=v),
    "both": lambda p, v: renormalised_if(p, TASK, p.tasks, both=v),
    "resolved": lambda p, v: cook_shift(p, TASK, resolved=v),
    "frozen": lambda p, v: used_last(p.replaced(model=_net(), lam=None), frozen=v),
    "corrected": lambda p, v: (KroneckerInverse(corrected=v), ekfac_if(corrected=v)),
    "antithetic": lambda p, v: shapley_permutations(None, samples=2, antithetic=v),
    "nesterov": lambda p, v: SGD(0.9, nesterov=v),
    "decoupled": lambda p, v: Adam(decoupled=v),
    "eps_inside_root": lambda p, v: Adam(eps_inside_root=v),
    "deterministic": lambda p, v: Claim(deterministic=v),
    "grey": lambda p, v: pixels(torch.rand(2, 4, 4, 3), grey=v),
    "invert": lambda p, v: pixels(torch.rand(2, 4, 4, 1), invert=v),
    "keep": lambda p, v: rotated_copies(_images(), 2, keep=v),
}


def _net():
    return torch.nn.Linear(3, 3).double()


def _images():
    x, y = torch.rand(1, 2, 1, 4, 4), torch.zeros(1, 2, dtype=torch.long)
    return mi.Tasks(x, y, x, y)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("value", ["no", None, 2])
def test_a_word_is_neither(problem, name, value):
    """Guards "no" for a yes: another number than was asked for, without a word."""
    with pytest.raises(mi.MetainflError, match=f"{name} must be True or False, got"):
        ASKED[name](problem, value)


@pytest.mark.parametrize("yes", [True, 1, np.True_, torch.tensor(True)])
def test_yes_and_no_of_any_library(yes):
    assert flag(yes, "it") is True and flag(not yes, "it") is False
