"""What drawn cases ask of single fields, of groups, units and notation."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.oracle.bridge import to_truth
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.context import Context
from metainfl.oracle.estimands import find
from metainfl.oracle.gathered import PLAIN as LOOKED_AT
from metainfl.oracle.gathered import gathered
from metainfl.oracle.outcome import Failed, Skipped
from metainfl.oracle.space import FEW, drawn_case
from metainfl_reference.families import FAMILIES


def levels(name):
    """What each drawn problem of a family is in the fields that go together as they mostly do."""
    for design in (*LOOKED_AT, *FEW):
        p = drawn_case(name, design).problem()
        t, a = p.tasks, p.adaptation
        yield {
            "weights of supports alone": bool((t.w == 1).all() and (t.query_weight == 1).all())
            and bool(t.support_weight.numel() and (t.support_weight != 1).any()),
            "direct where weights are 1": p.direct > 0 and bool((t.query_weight == 1).all()),
            "another loss where weights are 1": p.outer_loss is not p.setting.inner_loss
            and bool((t.query_weight == 1).all()),
            "one rate and a regulariser": isinstance(getattr(a, "rate", None), float)
            and a.inner_reg > 0,
            "many rates and no regulariser": isinstance(getattr(a, "rate", None), torch.Tensor)
            and a.inner_reg == 0,
            "steps between few and many": 3 < getattr(a, "steps", 0) < 11,
            "a precision of 0": np.ndim(p.outer_reg) == 1 and bool((p.outer_reg == 0).any()),
            "more outputs than features": t.query_y.shape[2] > t.query_x.shape[2],
            "one feature": t.query_x.shape[2] == 1,
            "one query": t.query_x.shape[1] == 1,
            "64 parameters": p.n_meta > 64,
            "equal instances": any(len(x.unique(dim=0)) < len(x) for x in t.query_x),
        }


def test_fields_are_not_only_varied_together():
    """Guards what is wrong at one level of a field where another is at its usual one: all passed."""
    every = {name: list(levels(name)) for name in FAMILIES}
    usual = {"a precision of 0", "64 parameters", "direct where weights are 1"}
    lacking = {
        "proximal_ridge": usual | {"one feature", "one query", "weights of supports alone"},
        "maml_linear": usual | {n for n in every["maml_linear"][0] if "loss" not in n},
        "maml_softmax": set(every["maml_softmax"][0]),
        "prototypes": {"one feature", "one query", "more outputs than features"},
    }
    for name, wanted in lacking.items():
        assert not [n for n in sorted(wanted) if not any(e[n] for e in every[name])], name


@pytest.mark.parametrize("side", ["query", "support"])
def test_a_group_of_one_side_alone_is_asked(side):
    """Guards groups that hold a task each time."""
    for name in set(FAMILIES) - {"single_ridge", "single_softmax"}:
        groups = drawn_case(name, "wide").perturbations(["group"])
        assert any({m.kind for m in g.members} == {side} for g in groups), name


def test_instances_of_a_task_of_weight_0_are_asked():
    """Guards instances that are answered as if their task counted."""

    def in_full(problem, pis):
        rows = mi.task_if(problem, pis)
        absent = torch.tensor([p.kind != "task" and problem.tasks.w[p.task] == 0 for p in pis])
        return torch.where(absent[:, None], rows.abs().max(), rows)

    claim = mi.Claim(kinds=("task", "query"), families=("proximal_ridge",))
    with pytest.raises(Failed, match="weight 0"):
        CHECKS["weight_zero_is_absence"].run(Context(in_full, claim))
    CHECKS["weight_zero_is_absence"].run(Context(mi.task_if, claim))


def test_no_estimate_is_asked_of_a_removal_that_leaves_no_problem():
    """Guards a method that refuses to remove a way's last shot, for its edit to first order too."""
    case = drawn_case("prototypes", "wide", 2)
    shots = case.perturbations(["support"])
    for name in ("first_order", "second_order", "removal"):
        asked = [p for p in shots if find(name).exists(case.known, to_truth(p))]
        assert asked and len(asked) < len(shots), name


def test_units_and_notation_are_asked_of_every_family_in_full():
    """Guards laws that look at the first family alone."""
    for name in FAMILIES:
        for check in ("units_do_not_matter", "notation_does_not_matter"):
            CHECKS[check].run(Context(mi.task_if, mi.Claim(families=(name,))))


def test_a_method_may_refuse_ragged_tasks_but_not_get_them_wrong():
    """Guards a method that says what it does not know, which is no wrong answer."""

    def refuses(problem, pis):
        problem.tasks.view()
        return mi.task_if(problem, pis)

    def first(problem, pis):
        return mi.task_if(problem, pis) * (1.0 if len(problem.tasks.groups()) == 1 else 0.9)

    claim = mi.Claim(families=("proximal_ridge",))
    with pytest.raises(Skipped, match="refuses"):
        CHECKS["notation_does_not_matter"].run(Context(refuses, claim))
    with pytest.raises(Failed, match="different sizes"):
        CHECKS["notation_does_not_matter"].run(Context(first, claim))


@pytest.mark.parametrize("families", [("single_ridge",), ("maml_softmax",), ("prototypes",)])
def test_two_tasks_are_asked_about_in_full(families):
    """Guards what is wrong of exactly two tasks, which no other case has."""

    def of_two(problem, pis):
        return mi.task_if(problem, pis) * (0.5 if problem.tasks.n_tasks == 2 else 1.0)

    claim = mi.Claim(families=families)
    wrong = [e for e in gathered(Context(of_two, claim)) if e.wrong]
    assert wrong and all("pair" in e.case.name for e in wrong)
    assert not [e for e in gathered(Context(mi.task_if, claim)) if e.wrong]
