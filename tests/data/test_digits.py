"""Real data: all 252 five-way tasks."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import metainfl as mi
from metainfl.data import digit_tasks, read_digits
from metainfl.oracle import digits_case
from metainfl_reference.estimands import removal
from tests.helpers import assert_close


def test_tasks_are_what_they_say():
    e = digit_tasks(shots=3, queries=4)
    assert e.support_x.shape == (252, 15, 64) and e.query_x.shape == (252, 20, 64)
    assert (e.support_y.sum(axis=1) == 3).all() and (e.query_y.sum(axis=1) == 4).all()
    for s, q in zip(e.support_x, e.query_x, strict=True):  # disjoint images within a task
        both = np.concatenate([s, q])
        assert len(np.unique(both, axis=0)) == 35
    again, other = digit_tasks(shots=3, queries=4), digit_tasks(shots=3, queries=4, seed=1)
    assert np.array_equal(e.query_x, again.query_x)
    assert not np.array_equal(e.query_x, other.query_x)
    pixels, labels = load_digits(return_X_y=True)
    image = e.support_x[0, 0] + (pixels / 16.0).mean(axis=0)
    match = np.abs(pixels / 16.0 - image).sum(axis=1).argmin()
    assert np.abs(pixels[match] / 16.0 - image).max() < 1e-12 and labels[match] == 0


def test_subset_and_components():
    e = digit_tasks(components=6, tasks=10, ways=3, shots=1, queries=2)
    assert e.query_x.shape == (10, 6, 6) and e.query_y.shape == (10, 6, 3)


@pytest.mark.slow
def test_task_influence_and_exact_removal_of_all_252():
    case = digits_case(components=16)
    pis = case.perturbations(["task"])
    assert len(pis) == 252
    assert_close(mi.task_if(case.problem(), pis), case.truth("derivative", pis), 1e-11)
    downdated = case.truth("removal", pis)
    for k in (0, 100, 251):
        assert_close(removal.exact(case.family, pis[k], case.solution).value, downdated[k], 1e-12)
    newton = mi.removal.newton(case.problem(), pis[:5])
    assert_close(newton, downdated[:5], 1e-11)


def test_data_are_shown_in_one_line():
    """Guards thousands of numbers and names on the screen for a look at what was read."""
    assert repr(read_digits()) == "digits: 1797 inputs (8, 8) torch.float64 of 10 classes"
