"""Every error of the library goes to another process and back with all that it says."""

import inspect
import pickle

import pytest
import torch

import metainfl as mi
from metainfl import errors
from metainfl.errors import NotConverged, RunNotFinite
from metainfl.training import Recipe, train
from tests.training.helpers import network

CLASSES = [
    c
    for c in vars(errors).values()
    if isinstance(c, type) and issubclass(c, BaseException) and c.__module__ == errors.__name__
]
VALUES = {"step": 3, "gap": 0.5, "task": 2, "quantity": "loss", "result": [1, 2], "share": 0.25}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_it_arrives_whole(kind):
    """Guards a constructor that pickle does not know how to call, and fields that are dropped."""
    known = inspect.signature(kind.__init__).parameters
    error = kind("what is wrong", **{k: v for k, v in VALUES.items() if k in known})
    error.add_note("where")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == "what is wrong" and again.args == error.args
    assert repr(vars(again)) == repr(vars(error)) and again.__notes__ == ["where"]


def test_all_of_them_are_tried():
    assert {errors.RunNotFinite, errors.NotReplayed, errors.Interrupted} < set(CLASSES)
    assert len(CLASSES) > 18


def test_what_cannot_go_stays_behind():
    """Guards an error that is lost because of what hangs on it."""
    again = pickle.loads(pickle.dumps(NotConverged("stopped", result=lambda x: x)))
    assert str(again) == "stopped" and again.result is None


def test_a_workers_error_is_ours():
    """Guards a broken pool in place of the reason: a rerun that overflows in another process."""
    run = train(network(), Recipe(rate=0.1, steps=2), progress=False)
    assert torch.isfinite(run.lam).all()
    with pytest.raises(RunNotFinite, match="step") as caught:
        run.replay_many([mi.task(0), mi.task(1)], factor=1e308, jobs=2)
    assert caught.value.step in (0, 1)
