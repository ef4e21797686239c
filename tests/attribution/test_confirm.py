"""Removals that end in no number: the others are done, and the scores stay."""

import pytest

from metainfl.attribution import attribute
from metainfl.errors import BranchLost, InvalidProblem
from metainfl.training import replays


def failing(monkeypatch, bad, error=BranchLost):
    """Reruns without `bad` tasks, alone or with others, raise; the others are counted."""
    one, done = replays._one, []

    def some(program, steps, p, *more):
        if bad & {m.task for m in p.members or (p,)}:
            raise error(f"{p} refused")
        done.append(p)
        return one(program, steps, p, *more)

    monkeypatch.setattr(replays, "_one", some)
    return done


def test_a_removal_that_folds_costs_the_others_nothing(asked, monkeypatch):
    """Guards scores of an hour that were lost with one of eight removals."""
    whole = attribute(asked, reruns=8)
    bad = whole.confirmation.tasks[1]
    done = failing(monkeypatch, {bad})
    said = []
    found = attribute(asked, reruns=8, say=said.append)
    assert found.tasks.equal(whole.tasks)
    assert len(done) == len(set(done))  # none is done a second time
    left = [k for k in whole.confirmation.tasks if k != bad]
    assert found.confirmation.tasks == tuple(left)
    true = dict(zip(whole.confirmation.tasks, whole.confirmation.reruns.true, strict=False))
    for k, row in zip(left, found.confirmation.reruns.true, strict=False):
        assert row.equal(true[k])
    assert "BranchLost: " in found.facts[f"task {bad} was not removed for real"]
    assert any(f"task {bad} was not removed for real" in line for line in said)
    assert ("together" in str(found.confirmation)) == bool(found.confirmation.together)


def test_where_none_can_be_done_the_scores_stay(asked, monkeypatch):
    """Guards a confirmation of no removal: a rank correlation of nothing."""
    failing(monkeypatch, set(range(6)))
    found = attribute(asked, reruns=5)
    assert found.confirmation is None and found.tasks.any()
    assert sum("was not removed for real" in k for k in found.facts) == 5


def test_what_is_asked_wrongly_is_still_an_error(asked, monkeypatch):
    """Guards a fault of the caller's that looks like a removal which cannot be done."""
    failing(monkeypatch, {0, 1, 2, 3, 4, 5}, InvalidProblem)
    with pytest.raises(InvalidProblem, match="refused"):
        attribute(asked, reruns=5)
