"""The border between truth and production: each side has its own perturbations, the bridge turns them."""

import re
from pathlib import Path

import pytest

import metainfl as mi
from metainfl.oracle import bridge, small_case
from metainfl.oracle.context import Context
from metainfl.problem.perturbation import Perturbation
from metainfl_reference import perturbation as truth

ROOT = Path(mi.__file__).parent
EVERY = [
    truth.task(3),
    truth.support(0, 2),
    truth.query(1, 0),
    truth.shift("support", 2, 1, 0),
    truth.shift("query", 0, 3, 1),
    truth.group([truth.task(0), truth.support(1, 1), truth.query(2, 0)]),
]


@pytest.mark.parametrize("p", EVERY, ids=str)
def test_there_and_back(p):
    """Guards a kind or an index lost on the border."""
    made = bridge.to_production(p)
    assert type(made) is Perturbation and str(made) == str(p)
    assert bridge.to_truth(made) == p and type(bridge.to_truth(made)) is truth.Perturbation


def test_a_fault_in_productions_group_is_seen(monkeypatch):
    """Guards a shared constructor: what both sides share, the oracle cannot judge."""
    own = bridge.production.group
    monkeypatch.setattr(bridge.production, "group", lambda members: own(list(members)[:-1]))
    with pytest.raises(RuntimeError, match="production's constructors"):
        small_case("proximal_ridge").perturbations(["group"])


def test_methods_are_given_productions_perturbations():
    """Guards the reference's types handed to a method."""
    seen = set()

    def spy(problem, pis):
        seen.update(type(m) for p in pis for m in (p, *p.members))
        return mi.influence(problem, pis).value

    ctx = Context(spy, mi.Claim(), quick=True)
    for case, pis in ctx.usable():
        ctx.ask(case, pis)
    assert seen == {Perturbation}


def test_only_the_bridge_and_the_truths_know_the_references_perturbations():
    """Guards a second meeting place of truth and production."""
    allowed = {"oracle/asked.py", "oracle/bridge.py", "oracle/case.py"}
    users = {
        str(f.relative_to(ROOT))
        for f in ROOT.rglob("*.py")
        if re.search(r"metainfl_reference(\.| import )perturbation", f.read_text())
    }
    assert {u for u in users if not u.startswith("oracle/estimands/")} <= allowed


def test_truths_do_not_meet_torch():
    """Guards a truth that is computed by what it judges."""
    for f in (ROOT / "oracle" / "estimands").glob("*.py"):
        assert not re.search(r"import torch|metainfl\.(influence|derive|solve)", f.read_text()), f
