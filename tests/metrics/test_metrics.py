"""Intervals and detection, against values known by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from metainfl.errors import InvalidOption
from metainfl.metrics.detection import area, found, proper_order, self_rank
from metainfl.metrics.intervals import interval, paired, rank_agreement, resplit


def test_an_interval_is_students():
    got = interval([1.0, 2.0, 4.0])
    assert got.mean == pytest.approx(7 / 3)
    assert got.half == pytest.approx(student.ppf(0.975, 2) * np.std([1, 2, 4], ddof=1) / 3**0.5)


def test_one_seed_says_nothing_of_noise():
    assert interval([3.0]).half == float("inf") and "unknown" in str(interval([3.0]))


def test_pairs_take_out_what_seeds_share():
    """Guards differences of means where means of differences are meant."""
    noise = np.array([0.0, 10.0, -7.0])
    assert paired(list(noise + 1), list(noise)).half == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_no_interval_of_nothing(values):
    with pytest.raises(InvalidOption):
        interval(values)


def test_found_by_hand():
    scores, wrong = [-3, -2, -1, 0, 1], [True, False, True, False, False]
    assert found(scores, wrong, [0.2, 0.4, 0.6, 1.0]) == [0.5, 0.5, 1.0, 1.0]
    assert area(scores, wrong) == pytest.approx(5 / 6)


def test_ties_are_found_evenly():
    """Guards a curve that hangs on the order in which tasks are stored."""
    assert found([0, 0, 0, 0], [True, False, False, False], [0.25, 0.5]) == [0.25, 0.5]
    assert area([0, 0, 0], [True, False, False]) == 0.5


def test_at_most_what_there_is():
    """001, section 6.3: 40 % of the tasks hold at most half of 80 % that are mislabelled."""
    wrong = [True] * 8 + [False] * 2
    assert found(list(range(10)), wrong, [0.4]) == [0.5]


def test_detection_needs_both():
    with pytest.raises(InvalidOption, match="0 of 2 wrong"):
        area([1, 2], [False, False])


NAN = float("nan")


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: area([1.0, NAN, 2.0], [True, False, False]), "score 1 is NaN"),
        (lambda: found([NAN, 1.0], [True, False], [0.5]), "score 0 is NaN"),
        (lambda: found([0.0, 1.0], [True, False], [0.5, 2.0]), "shares lie between 0 and 1"),
        (lambda: found([0.0, 1.0], [True, False], [NAN]), "shares lie between 0 and 1"),
        (lambda: proper_order([1.0, NAN], [0.0]), "the first group has no mean"),
        (lambda: proper_order([1.0], []), "the second group has no mean"),
        (lambda: proper_order([1.0], [], by="median"), "the second group has no median"),
        (lambda: proper_order([1.0], [0.0], by="mode"), "by mean or median, not by 'mode'"),
        (lambda: proper_order([1.0], [0.0], by=["mean"]), "by mean or median, not by"),
        (lambda: self_rank([0.0, NAN], 0), "score 1 is NaN"),
        (lambda: self_rank([0.0, 1.0], -1), "own is a place from 0 to 1, got -1"),
        (lambda: rank_agreement([1.0, 2.0, NAN], [1.0, 2.0, 3.0]), "score 2 is NaN"),
        (lambda: rank_agreement([1.0, 2.0], [1.0, 2.0, 3.0]), "got 2 and 3"),
        (lambda: area([1.0, 2.0], [NAN, 0]), "mark 0 is neither True nor False"),
        (lambda: found([1.0, 2.0], [2, 0], [0.5]), "mark 0 is neither True nor False"),
        (lambda: area([[1.0, 2.0]], [True, False]), r"scores must be .* in a row .*\(1, 2\)"),
        (lambda: area([1.0, 2.0], [[True, False]]), r"marks must be .* in a row"),
        (lambda: area(["a", "b"], [1, 0]), "scores must be real numbers"),
        (lambda: area([1j, 2], [1, 0]), "scores must be real numbers"),
        (lambda: area(None, [1, 0]), "scores must be real numbers"),
        (lambda: self_rank([0.0, 1.0], 0.5), "own is a place from 0 to 1"),
        (lambda: interval(5.0), "values of an interval must be real numbers in a row"),
        (lambda: paired([1.0], 2.0), "the second of the pairs must be"),
        (lambda: proper_order("ab", [1.0]), "the first group must be"),
    ],
)
def test_what_has_no_rank_is_refused(call, words):
    """Guards a NaN that counts as a miss, or as a hit: comparisons with it are all false."""
    with pytest.raises(InvalidOption, match=words):
        call()


def test_scores_that_torch_differentiates_are_numbers():
    """Guards numpy's own error for a tensor that requires a gradient."""
    assert area(torch.tensor([1.0, 2.0], requires_grad=True), [1, 0]) == 1.0


def test_an_interval_beyond_the_range_of_squares():
    """Guards a width of 0 where squares underflow, and an infinite one where they overflow."""
    for size in (1e200, 1e-200, 1e307):
        got, one = interval([-size, size / 2, size]), interval([-1.0, 0.5, 1.0])
        assert got.half / size == pytest.approx(one.half)
        assert got.mean / size == pytest.approx(one.mean)


def test_an_infinite_score_has_a_rank():
    inf = float("inf")
    assert rank_agreement([inf] * 3, [1, 2, 3]) == 0  # guards NaN: inf - inf
    assert rank_agreement([1, 2, inf], [1, 2, 3]) == pytest.approx(1)
    assert area([-np.inf, 0.0, np.inf], [True, False, False]) == 1.0
    assert self_rank([0.0, np.inf], 0) == 1


def test_ranks_and_orders():
    assert self_rank([0.1, 0.9, 0.5], 2) == 1 and self_rank([1, 1, 1], 0) == 0
    assert proper_order([1, 2], [0, 1]) and not proper_order([0], [0])
    assert proper_order([9, 0, 0], [1]) and not proper_order([9, 0, 0], [1], by="median")
    assert rank_agreement([1, 2, 3], [3, 5, 9]) == pytest.approx(1)
    assert rank_agreement([1, 2, 3], [4, 4, 4]) == 0
    assert rank_agreement([1, 2], [3, 5]) == 1 and rank_agreement([1, 2], [5, 3]) == -1
    assert rank_agreement([1], [3]) == 0 and rank_agreement([], []) == 0


def test_splits_of_one_data_set_are_not_independent():
    """Guards an interval over splits that shrinks as if each were new data."""
    x = [0.1, 0.3, 0.2, 0.4]
    plain = interval(x)
    wide = resplit(plain, 0.5)
    assert wide.mean == plain.mean and wide.n == 4
    assert wide.half == pytest.approx(plain.half * 3**0.5)  # 1/4 + 1/2 in place of 1/4
    with pytest.raises(InvalidOption, match="share"):
        resplit(plain, -1)
