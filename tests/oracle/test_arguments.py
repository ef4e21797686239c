"""What `check_method`, `Claim` and the pools are called with: refused by name, not by what it breaks."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidMethod, InvalidOption, InvalidProblem
from metainfl.oracle import check_method, rerun
from metainfl.pools import backend, unordered

NOT_NUMBERS = ["a", b"1", float("nan"), [1], torch.ones(2), object(), 1j]
NOT_NAMES = [3, object(), len, [1], "agrees_with_the_truth", torch.ones(2)]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("claim", [3, "a", [1], {"a": 1}, len], "claim must be"),
        ("families", NOT_NAMES, "families must be a list of names"),
        ("checks", NOT_NAMES, "checks must be a list of names"),
        ("expected_failures", [3, "a", [1], len], "expected_failures must be a mapping"),
        ("seed", [*NOT_NUMBERS, -1, 1.5, 2**70], "seed must be a whole number"),
        ("seconds", [*NOT_NUMBERS, 0, -1, None, float("inf"), 10**30], "seconds must be positive"),
        ("memory", [*NOT_NUMBERS, -1, float("inf")], "memory must be finite"),
    ],
)
def test_check_method_names_the_argument(name, values, words):
    """Guards errors about attributes and alarms that nobody wrote, from within the child."""
    for value in values:
        with pytest.raises(InvalidProblem, match=words):
            check_method(mi.influence, **{name: value})


def test_a_rerun_looks_at_its_arguments_too():
    with pytest.raises(InvalidProblem, match="unknown check 'nonsense'"):
        rerun(mi.influence, "nonsense")
    with pytest.raises(InvalidMethod, match="a method is a callable"):
        rerun(3, "agrees_with_the_truth")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("estimand", [3, None, len], "estimand is a name"),
        ("accuracy", [*NOT_NUMBERS[1:], 0, 1, -1, None], "a claimed relative tolerance must be"),
        ("sign", [*NOT_NUMBERS, 0, 2, None], "sign"),
        ("scale", [*NOT_NUMBERS[1:], 0, -1, None, float("inf")], "scale .* must be positive"),
        ("kinds", [3, None, [1], len], "kinds is a tuple of names"),
        ("families", [3, [1], len], "families is a tuple of names"),
    ],
)
def test_a_claim_names_its_field(name, values, words):
    for value in values:
        with pytest.raises(InvalidProblem, match=words):
            mi.Claim(**{name: value})


def test_pools_name_what_is_wrong():
    for jobs in [*NOT_NUMBERS, 0, 1.5, None]:
        with pytest.raises(InvalidOption, match="jobs"):
            unordered([], jobs)
    for name in [3, None, b"loky", ["loky"], torch.ones(2), np.array(["loky"])]:
        with pytest.raises(InvalidOption, match="the backend is one of"), backend(name):
            pass
    for jobs in [*NOT_NUMBERS, 0, -1, None]:
        with pytest.raises(InvalidOption, match="jobs must be"), backend("loky", jobs):
            pass
    assert list(unordered([(abs, (-2,))], 10**30)) == [(0, 2)]  # no more processes than work
